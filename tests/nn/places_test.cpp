// Boxes from the pixels of a file to what the vision encoder gets, and back: through orientation and resize.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/member.hpp"
#include "vlmt/io/draw.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/stored_rect.hpp"
#include "vlmt/kernel/resample.hpp"
#include "vlmt/nn/vision/preprocess.hpp"
#include "vlmt/text/places/place.hpp"

namespace vlmt::places_test {
namespace {

struct Size {
  int width, height;
};

// Forty sizes as files have them, from 1 : 20 to 20 : 1. Some are enlarged, most are shrunk, two stay.
std::vector<Size> sizes() {
  std::vector<Size> out = {{640, 480}, {256, 256}, {2, 3}};
  for (const int side : {37, 100, 333, 480, 799, 1000, 1280}) {
    for (const double aspect : {1.0, 1.5, 9.0 / 16.0, 4.0, 0.05}) {
      out.push_back({std::max(static_cast<int>(side * std::sqrt(aspect)), 2),
                     std::max(static_cast<int>(side / std::sqrt(aspect)), 2)});
    }
  }
  out.push_back({3000, 150});
  out.push_back({1921, 1079});
  return out;
}

Image blank(const Size& size) {
  Image image;
  image.width = size.width;
  image.height = size.height;
  image.rgb.resize(static_cast<std::size_t>(3 * size.width) * static_cast<std::size_t>(size.height));
  return image;
}

// Where a profile first and last crosses half of its height, in pixels: the edges of a bright range.
std::pair<double, double> edges(const std::vector<double>& profile) {
  const double half = *std::max_element(profile.begin(), profile.end()) / 2.0;
  const auto value = [&](std::size_t i) { return i < profile.size() ? profile[i] : 0.0; };
  std::size_t first = 0, last = profile.size() - 1;
  while (value(first) < half) ++first;
  while (value(last) < half) --last;
  // Pixel i has its centre at i + 1/2; an edge of the image is where the range ends if it is bright up to there.
  double begin = 0.0, end = static_cast<double>(profile.size());
  if (first > 0) {
    begin = static_cast<double>(first) + 0.5 - (value(first) - half) / (value(first) - value(first - 1));
  }
  if (last + 1 < profile.size()) {
    end = static_cast<double>(last) + 0.5 + (value(last) - half) / (value(last) - value(last + 1));
  }
  return {begin, end};
}

/// A bright rectangle of a stored image, as the vision encoder sees it: its edges x1, y1, x2, y2 in pixels of the
/// resized image, and the sizes of both.
struct Seen {
  Place place;
  Size upright, resized;
};
Seen seen(const Size& stored, const PixelRect& rect, int orientation, const VisionPreprocess& config) {
  Image image = blank(stored);
  fill_rect(image, rect.x1, rect.y1, rect.x2, rect.y2, {255, 255, 255});
  apply_orientation(image, orientation);
  const PatchGrid grid = image_grid(image, config);
  const auto size = [](int n) { return static_cast<std::size_t>(n); };
  const ResamplePlan plan = plan_resample(size(image.height), size(image.width), size(grid.h * config.layout.patch),
                                          size(grid.w * config.layout.patch));
  std::vector<std::uint8_t> pixels(plan.y.out * plan.x.out * 3), scratch(resample_scratch_bytes(plan));
  resample(image.rgb.data(), plan, pixels.data(), scratch.data());
  Seen out;
  out.upright = {image.width, image.height};
  out.resized = {static_cast<int>(grid.w) * config.layout.patch, static_cast<int>(grid.h) * config.layout.patch};
  std::vector<double> columns(static_cast<std::size_t>(out.resized.width)),
      rows(static_cast<std::size_t>(out.resized.height));
  for (std::size_t y = 0; y < rows.size(); ++y) {
    for (std::size_t x = 0; x < columns.size(); ++x) {
      const double value = pixels[3 * (y * columns.size() + x)];
      columns[x] += value;
      rows[y] += value;
    }
  }
  const auto [x1, x2] = edges(columns);
  const auto [y1, y2] = edges(rows);
  out.place.model = {x1, y1, x2, y2};
  return out;
}

int distance(const PixelRect& a, const PixelRect& b) {
  return std::max({std::abs(a.x1 - b.x1), std::abs(a.y1 - b.y1), std::abs(a.x2 - b.x2), std::abs(a.y2 - b.y2)});
}

class PlacesThroughTheEncoder : public ::testing::TestWithParam<int> {};

// Families that answer in pixels of the resized image.
TEST_P(PlacesThroughTheEncoder, LieWithinOnePixel) {
  const int orientation = GetParam();
  VisionPreprocess config;
  config.image_limits.max_pixels = 512 * 512;
  ASSERT_EQ(sizes().size(), 40u);
  for (const Size& size : sizes()) {
    SCOPED_TRACE(std::to_string(size.width) + " x " + std::to_string(size.height));
    const PixelRect rect = {size.width / 4, size.height / 3, size.width * 7 / 8 + 1, size.height * 5 / 6 + 1};
    const Seen s = seen(size, rect, orientation, config);
    const CoordinateFrame frame = {static_cast<double>(s.resized.width), static_cast<double>(s.resized.height)};
    const PixelPlace pixels = to_pixels(s.place, frame, s.upright.width, s.upright.height);
    EXPECT_LE(distance(stored_rect(pixels.rect, s.upright.width, s.upright.height, orientation), rect), 1);
    EXPECT_FALSE(pixels.clamped || pixels.swapped);
  }
}

// Whole numbers from 0 to 1000, as Qwen3-VL answers: one is a pixel or less up to 1000 pixels, and the rounding of a
// sound answer is half of one.
TEST_P(PlacesThroughTheEncoder, LieWithinHalfAUnitOfThousand) {
  const int orientation = GetParam();
  VisionPreprocess config;
  config.image_limits.max_pixels = 512 * 512;
  for (const Size& size : sizes()) {
    SCOPED_TRACE(std::to_string(size.width) + " x " + std::to_string(size.height));
    const PixelRect rect = {size.width / 4, size.height / 3, size.width * 7 / 8 + 1, size.height * 5 / 6 + 1};
    Seen s = seen(size, rect, orientation, config);
    for (std::size_t i = 0; i < 4; ++i) {
      double& v = s.place.model[i];
      v = std::round(1000.0 * v / (i % 2 == 0 ? s.resized.width : s.resized.height));
    }
    const PixelPlace pixels = to_pixels(s.place, {}, s.upright.width, s.upright.height);
    const int most = std::max(1, static_cast<int>(std::ceil(std::max(size.width, size.height) / 2000.0 + 0.5)));
    EXPECT_LE(distance(stored_rect(pixels.rect, s.upright.width, s.upright.height, orientation), rect), most);
  }
}

// Without the encoder: exact pixels come back exactly.
TEST_P(PlacesThroughTheEncoder, ComeBackExactlyFromExactCoordinates) {
  const int orientation = GetParam();
  for (const Size& size : sizes()) {
    for (const CoordinateFrame& frame : {CoordinateFrame{}, CoordinateFrame{999, 999}, CoordinateFrame{28, 1400}}) {
      const bool transposes = orientation_transposes(orientation);
      const int width = transposes ? size.height : size.width, height = transposes ? size.width : size.height;
      const PixelRect rect = {width / 3, height / 2, width / 3 + 1, height};
      const Place place{.kind = Place::Kind::box, .model = to_model(rect, frame, width, height), .label = {}};
      EXPECT_EQ(to_pixels(place, frame, width, height).rect, rect);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orientations, PlacesThroughTheEncoder, ::testing::Range(1, 9));

}  // namespace
}  // namespace vlmt::places_test
