// The one-line message of an error: its fields, without empty ones.
#include "vlmt/base/error.hpp"

#include <stdexcept>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace {

using vlmt::ErrorSite;

static_assert(std::is_base_of_v<std::runtime_error, vlmt::Error>);
static_assert(std::is_base_of_v<vlmt::Error, vlmt::FileError> && std::is_base_of_v<vlmt::Error, vlmt::LimitError> &&
              std::is_base_of_v<vlmt::Error, vlmt::InputError> && std::is_base_of_v<vlmt::Error, vlmt::DeviceError>);
static_assert(std::is_nothrow_copy_constructible_v<std::runtime_error>);

std::string line(ErrorSite site) {
  return vlmt::FileError("bad count", std::move(site)).what();
}

TEST(ErrorTest, MessageHasAllFieldsInOneLine) {
  EXPECT_EQ(line({"m.gguf", 24, "n_kv", "at most 65536", "4294967295"}),
            "m.gguf: offset 24: `n_kv`: bad count (expected at most 65536, found 4294967295)");
}

TEST(ErrorTest, MessageOmitsEmptyFields) {
  EXPECT_EQ(line({}), "bad count");
  EXPECT_EQ(line({.file = "m.gguf", .offset = {}, .field = {}, .expected = {}, .found = {}}), "m.gguf: bad count");
  EXPECT_EQ(line({.file = {}, .offset = 0, .field = {}, .expected = {}, .found = {}}), "offset 0: bad count");
  EXPECT_EQ(line({.file = {}, .offset = {}, .field = "f", .expected = {}, .found = {}}), "`f`: bad count");
  EXPECT_EQ(line({.file = {}, .offset = {}, .field = {}, .expected = "1", .found = {}}), "bad count (expected 1)");
  EXPECT_EQ(line({.file = {}, .offset = {}, .field = {}, .expected = {}, .found = "2"}), "bad count (found 2)");
}

TEST(ErrorTest, KeepsTheSite) {
  try {
    throw vlmt::LimitError("too many pixels", {"photo.jpg", {}, "pixels", "256 MP", "900 MP"});
  } catch (const vlmt::Error& e) {
    EXPECT_EQ(e.site().file, "photo.jpg");
    EXPECT_FALSE(e.site().offset.has_value());
    EXPECT_EQ(e.site().field, "pixels");
    EXPECT_STREQ(e.what(), "photo.jpg: `pixels`: too many pixels (expected 256 MP, found 900 MP)");
  }
}

}  // namespace
