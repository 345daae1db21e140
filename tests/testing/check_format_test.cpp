// The installed format checks: they pass library formats and report each kind of error.
#include "vlmt/testing/check_format.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/quant/q8_0.hpp"

namespace {

namespace vt = vlmt::testing;
using Arch = vlmt::arch::native;
using Problems = std::vector<std::string>;

TEST(CheckFormatTest, PassesLibraryFormats) {
  EXPECT_EQ((vt::check_format<vlmt::Q8_0>(0.008)), Problems());
  EXPECT_EQ((vt::check_format_kernels<vlmt::Q8_0, Arch>()), Problems());
}

// Like Q8_0, but one value decodes to slightly less than in the kernels.
struct Shrunk : vlmt::Q8_0 {
  static void decode(const Block& block, float* y) noexcept {
    vlmt::Q8_0::decode(block, y);
    y[31] *= 0.99f;
  }
};

// Like Q8_0, with the number that files use for blocks of Q4_0.
struct Misnumbered : vlmt::Q8_0 {
  static constexpr std::uint32_t type_id = 2;
};

}  // namespace

VLMT_BEGIN_NAMESPACE
namespace cpu {
template <class Arch>
struct Unpack<Shrunk, Arch> : Unpack<Q8_0, Arch> {};
}  // namespace cpu
VLMT_END_NAMESPACE

namespace {

TEST(CheckFormatTest, ReportsProblems) {
  const Problems budget = vt::check_format<vlmt::Q8_0>(0.0001);
  ASSERT_FALSE(budget.empty());
  EXPECT_NE(budget[0].find("the budget is 0.0001"), std::string::npos) << budget[0];
  const Problems id = vt::check_format<Shrunk>(0.1);
  ASSERT_EQ(id.size(), 1u);
  EXPECT_EQ(id[0], "Q8_0: type_id is that of Q8_0");
  const Problems number = vt::check_format<Misnumbered>(0.1);
  ASSERT_EQ(number.size(), 2u);
  EXPECT_EQ(
      number[0],
      "Q8_0: files store type 2 (Q4_0) in blocks of 32 values in 18 bytes, this format has 32 values in 34 bytes");
  const Problems kernels = vt::check_format_kernels<Shrunk, Arch>();
  ASSERT_FALSE(kernels.empty());
  EXPECT_NE(kernels[0].find("activations: row 0"), std::string::npos) << kernels[0];
}

}  // namespace
