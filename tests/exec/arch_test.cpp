// Arch tags: inheritance is the fallback, and the archs of this build run on this processor.
#include "vlmt/exec/arch.hpp"

#include <string_view>
#include <type_traits>

#include <gtest/gtest.h>

#include "vlmt/exec/cpu.hpp"

namespace {

namespace arch = vlmt::arch;

static_assert(std::is_base_of_v<arch::avx2, arch::avx512_vnni>);
static_assert(std::is_base_of_v<arch::avx2, arch::avx2_vnni>);
static_assert(!std::is_base_of_v<arch::avx2_vnni, arch::avx512_vnni>, "AVX-512 VNNI does not imply the VEX form");
static_assert(vlmt::contains_v<arch::native, arch::compiled> && vlmt::contains_v<arch::generic, arch::compiled>);
static_assert(arch::avx512_vnni::lanes == 16 && arch::avx2_vnni::lanes == 8 && arch::neon_dot::lanes == 4);
static_assert(vlmt::Backend<vlmt::Cpu<>> && vlmt::Backend<vlmt::Cpu<arch::generic>>);
static_assert(!vlmt::Backend<int>);
static_assert(std::is_same_v<vlmt::Cpu<>::Arch, arch::native>);

// A kernel with versions for generic and avx2 only.
constexpr std::string_view kernel(arch::generic) {
  return "generic";
}
constexpr std::string_view kernel(arch::avx2) {
  return "avx2";
}
static_assert(kernel(arch::avx512_vnni{}) == "avx2");
static_assert(kernel(arch::neon_dot{}) == "generic");

TEST(ArchTest, CompiledArchsRunHereAndEndWithGeneric) {
  std::string_view last, first;
  vlmt::for_each_type(arch::compiled{}, [&](auto tag) {
    using A = typename decltype(tag)::type;
    EXPECT_TRUE(arch::runs_here<A>()) << A::name;
    EXPECT_TRUE((std::is_base_of_v<arch::generic, A>));
    if (first.empty()) first = A::name;
    last = A::name;
  });
  EXPECT_EQ(last, "generic");
  EXPECT_EQ(first, arch::native::name);
}

TEST(ArchTest, RunnableArchsImplyTheirFallbacks) {
  EXPECT_TRUE(arch::runs_here<arch::generic>());
  EXPECT_TRUE(!arch::runs_here<arch::avx512_vnni>() || arch::runs_here<arch::avx512>());
  EXPECT_TRUE(!arch::runs_here<arch::avx512>() || arch::runs_here<arch::avx2>());
  EXPECT_TRUE(!arch::runs_here<arch::avx2_vnni>() || arch::runs_here<arch::avx2>());
}

}  // namespace
