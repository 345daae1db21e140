// Assertions: the handler receives condition and location; disabled levels do not evaluate the condition.
#include "vlmt/base/assert.hpp"

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "base/assertion_of.hpp"

namespace {

static_assert(VLMT_ASSERTS == 0 || VLMT_ASSERTS == 1);
static_assert(VLMT_DASSERTS == 0 || VLMT_DASSERTS == 1);

// An assertion is an expression, usable in constant expressions.
constexpr int checked_half(int n) {
  return VLMT_ASSERT(n % 2 == 0), n / 2;
}
static_assert(checked_half(8) == 4);

struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void throw_failed(const char* condition, const char* file, int line) {
  throw Failed(std::string(file) + ":" + std::to_string(line) + ":" + condition);
}

class AssertTest : public testing::Test {
 protected:
  void SetUp() override { old_ = vlmt::set_assert_handler(throw_failed); }
  void TearDown() override { EXPECT_EQ(vlmt::set_assert_handler(old_), throw_failed); }
  vlmt::AssertHandler old_ = nullptr;
};

TEST_F(AssertTest, CallsTheHandlerOnlyIfEnabled) {
  int evaluated = 0;
  std::string what;
  try {
    VLMT_ASSERT(++evaluated == 2);
  } catch (const Failed& e) {
    what = e.what();
  }
  EXPECT_EQ(evaluated, VLMT_ASSERTS);
  EXPECT_EQ(what.empty(), VLMT_ASSERTS == 0);
  if (VLMT_ASSERTS != 0) {
    EXPECT_NE(what.find("assert_test.cpp:"), std::string::npos) << what;
    EXPECT_NE(what.find(":++evaluated == 2"), std::string::npos) << what;
  }
  VLMT_ASSERT(1 + 1 == 2);
}

TEST_F(AssertTest, DebugAssertionsNeedBothSwitches) {
  int evaluated = 0;
  bool thrown = false;
  try {
    VLMT_DASSERT(++evaluated == 2);
  } catch (const Failed&) {
    thrown = true;
  }
  EXPECT_EQ(evaluated, VLMT_DASSERTS && VLMT_ASSERTS);
  EXPECT_EQ(thrown, VLMT_DASSERTS && VLMT_ASSERTS);
}

#if VLMT_ASSERTS
// A comparison reports the call and both values, whatever their types.
TEST(AssertComparison, NamesTheCallTheConditionAndBothValues) {
  using vlmt_test::assertion_of;
  const std::size_t width = 64;
  const int id = -3;
  int evaluated = 0;
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_EQ("matmul", width, 128); }), "matmul: width == 128: 64 and 128");
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_LE("embed", 0, id); }), "embed: 0 <= id: 0 and -3");
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_LT("embed", id, 0u); }), "none");  // not as unsigned numbers
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_LT("embed", id + ++evaluated, -2); }),
            "embed: id + ++evaluated < -2: -2 and -2");
  EXPECT_EQ(evaluated, 1);
  EXPECT_EQ(
      assertion_of([&] { VLMT_ASSERT_EQ("f", std::uint64_t{1} << 63, std::numeric_limits<std::int64_t>::min()); }),
      "f: std::uint64_t{1} << 63 == std::numeric_limits<std::int64_t>::min(): 9223372036854775808 and "
      "-9223372036854775808");
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_MULTIPLE("pack", width + 1, 32u); }),
            "pack: width + 1 is a multiple of 32u: 65 and 32");
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_MULTIPLE("pack", width, 0u); }),
            "pack: width is a multiple of 0u: 64 and 0");
  const float* nothing = nullptr;
  EXPECT_EQ(assertion_of([&] { VLMT_ASSERT_SET("norm", nothing); }), "norm: nothing is not null");
}
#endif

#if VLMT_ASSERTS && defined(GTEST_HAS_DEATH_TEST)
TEST(AssertDeathTest, DefaultHandlerPrintsTheLocationAndAborts) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(VLMT_ASSERT(1 > 2), "assert_test.cpp:[0-9]+: vlmt assertion failed: 1 > 2");
}
#endif

}  // namespace
