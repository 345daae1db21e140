// Keys of images depend on the pixels that the model gets, not on what their files hide.
#include "vlmt/runtime/content_key.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/load_image.hpp"
#include "vlmt/io/safetensors.hpp"

namespace {

TEST(ContentKey, DependsOnTheResultingPixelsOnly) {
  const auto variants = vlmt::SafetensorsFile::open(std::string(VLMT_TEST_DATA) + "/io/variants.safetensors");
  const auto key = [&](const std::string& name, const vlmt::ImageOptions& options = {}) {
    const auto file = variants.read<std::uint8_t>(name);
    const std::vector<vlmt::Image> image = {vlmt::decode_image(std::as_bytes(std::span(file)), options)};
    return vlmt::content_key(image, 1, 2, 0);
  };
  vlmt::ImageOptions black;
  black.background = {0, 0, 0};
  vlmt::ImageOptions noted;
  noted.on_note = [](const std::string&, const std::string&) {};
  // One image in three files; alpha is compressed differently in each.
  EXPECT_TRUE(key("rgba8.png") == key("rgba.webp"));
  EXPECT_TRUE(key("rgba8.png") == key("rgba32_v5.bmp"));
  EXPECT_TRUE(key("rgba8.png") == key("animated_rgba.webp", noted));
  EXPECT_FALSE(key("rgba8.png") == key("rgba8.png", black));
  // An opaque image has no background.
  EXPECT_TRUE(key("rgb8.png") == key("rgb.webp", black));
}

}  // namespace
