// The archs that kernel tests compile.
#pragma once

#include <type_traits>

#include <gtest/gtest.h>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"

namespace vlmt_test {

/// False for archs that are tested only in builds where they are native: on x86-64, AVX2 and the generic arch have
/// their own test builds, and they make up half of all kernels to compile.
#if defined(__x86_64__)
template <class Arch>
struct IsSwept
    : std::bool_constant<std::is_same_v<Arch, vlmt::arch::native> ||
                         !(std::is_same_v<Arch, vlmt::arch::generic> || std::is_same_v<Arch, vlmt::arch::avx2>)> {};
#else
template <class Arch>
struct IsSwept : std::true_type {};
#endif

/// The archs of arch::compiled for which IsSwept holds.
using SweptArchs = vlmt::Filtered<IsSwept, vlmt::arch::compiled>;

/// A TypeList as ::testing::Types, for TYPED_TEST_SUITE.
template <class List>
struct TestTypes;
template <class... Ts>
struct TestTypes<vlmt::TypeList<Ts...>> {
  using type = ::testing::Types<Ts...>;
};

}  // namespace vlmt_test
