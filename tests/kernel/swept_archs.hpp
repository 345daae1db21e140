// The archs that kernel tests compile.
#pragma once

#include <type_traits>

#include <gtest/gtest.h>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"

namespace vlmt_test {

#if VLMT_HAS_AVX512_AMX && !defined(VLMT_TEST_ALL_ARCHS)
inline constexpr bool only_native = true;
#else
inline constexpr bool only_native = false;
#endif

/// True for the archs that this build tests. On x86-64, AVX2 and the generic arch have their own builds, and with AMX
/// the other archs have the build with VLMT_TEST_ALL_ARCHS: together they are four fifths of all kernels to compile.
#if defined(__x86_64__)
template <class Arch>
struct IsSwept : std::bool_constant<std::is_same_v<Arch, vlmt::arch::native> ||
                                    !(only_native || std::is_same_v<Arch, vlmt::arch::generic> ||
                                      std::is_same_v<Arch, vlmt::arch::avx2>)> {};
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
