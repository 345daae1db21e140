// Assertions: the handler receives condition and location; disabled levels do not evaluate the condition.
#include "vlmt/base/assert.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "vlmt/base/version.hpp"

namespace {

static_assert(VLMT_ASSERTS == 0 || VLMT_ASSERTS == 1);
static_assert(VLMT_DASSERTS == 0 || VLMT_DASSERTS == 1);
static_assert(VLMT_VERSION_MAJOR >= 0 && VLMT_VERSION_MINOR >= 0 && VLMT_VERSION_PATCH >= 0);

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

#if VLMT_ASSERTS && defined(GTEST_HAS_DEATH_TEST)
TEST(AssertDeathTest, DefaultHandlerPrintsTheLocationAndAborts) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(VLMT_ASSERT(1 > 2), "assert_test.cpp:[0-9]+: vlmt assertion failed: 1 > 2");
}
#endif

}  // namespace
