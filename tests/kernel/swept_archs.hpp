// The archs that tests of kernels compile.
#pragma once

#include <type_traits>

#include <gtest/gtest.h>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"

namespace vlmt_test {

/// False for archs whose kernels are tested where they are native and nowhere else: on x86-64 AVX2 and the generic arch
/// have builds of their own, and half of all kernels are theirs.
#if defined(__x86_64__)
template <class Arch>
struct IsSwept
    : std::bool_constant<std::is_same_v<Arch, vlmt::arch::native> ||
                         !(std::is_same_v<Arch, vlmt::arch::generic> || std::is_same_v<Arch, vlmt::arch::avx2>)> {};
#else
template <class Arch>
struct IsSwept : std::true_type {};
#endif

/// Those of arch::compiled for which IsSwept holds.
using SweptArchs = vlmt::Filtered<IsSwept, vlmt::arch::compiled>;

/// A list as TYPED_TEST_SUITE wants it.
template <class List>
struct TestTypes;
template <class... Ts>
struct TestTypes<vlmt::TypeList<Ts...>> {
  using type = ::testing::Types<Ts...>;
};

}  // namespace vlmt_test
