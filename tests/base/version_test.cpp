// The macros of the version: a number for comparisons and a text, both of the three numbers that CMake reads.
#include "vlmt/base/version.hpp"

#include <string>

#include <gtest/gtest.h>

namespace version_test {

#if VLMT_VERSION < 100
#error "VLMT_VERSION cannot be compared by the preprocessor"
#endif

// Two digits each, so that a later version is a larger number.
static_assert(VLMT_VERSION_MAJOR >= 0);
static_assert(VLMT_VERSION_MINOR >= 0 && VLMT_VERSION_MINOR < 100);
static_assert(VLMT_VERSION_PATCH >= 0 && VLMT_VERSION_PATCH < 100);

TEST(VersionTest, NumberAndTextAreThoseOfTheParts) {
  EXPECT_EQ(VLMT_VERSION / 10000, VLMT_VERSION_MAJOR);
  EXPECT_EQ(VLMT_VERSION / 100 % 100, VLMT_VERSION_MINOR);
  EXPECT_EQ(VLMT_VERSION % 100, VLMT_VERSION_PATCH);
  EXPECT_EQ(2 * VLMT_VERSION, VLMT_VERSION + VLMT_VERSION);
  EXPECT_EQ(std::string(VLMT_VERSION_STRING), std::to_string(VLMT_VERSION_MAJOR) + "." +
                                                  std::to_string(VLMT_VERSION_MINOR) + "." +
                                                  std::to_string(VLMT_VERSION_PATCH));
}

// The numbers are read by CMake, which is told to this test, and by scripts/release.
TEST(VersionTest, IsThatOfTheBuild) {
  EXPECT_STREQ(VLMT_VERSION_STRING, VLMT_TEST_PROJECT_VERSION);
}

}  // namespace version_test
