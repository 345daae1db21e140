// Boxes and points that a model answers with, in its own coordinates and in pixels of the image.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// A box or a point as an answer has it.
struct Place {
  enum class Kind : std::uint8_t { point, box };
  Kind kind = Kind::box;
  /// x1, y1, x2, y2 in the order of the answer; of a point x, y and the same again. Between -1e9 and 1e9.
  std::array<double, 4> model = {};
  std::string label;              ///< valid UTF-8, at most 1000 bytes; may be empty
  std::optional<int> image = {};  ///< number of the image, from 1, if the answer names one
  std::size_t offset = 0;         ///< byte of the answer at which it begins
};

/// Pixels [x1, x2) x [y1, y2), of which there is at least one. Of a point the one pixel that it is in.
struct PixelRect {
  int x1 = 0;
  int y1 = 0;
  int x2 = 0;
  int y2 = 0;
  friend constexpr bool operator==(const PixelRect&, const PixelRect&) = default;
};

/// What a model calls the lower right corner of an image; the upper left one is (0, 0).
///
/// Qwen3-VL counts from 0 to 1000 in both directions, whatever the size of the image: the default. Families that answer
/// in pixels, such as Qwen2.5-VL, mean those of the image as they get it: {resized width, resized height}. Percentages
/// (Molmo) are {100, 100}.
struct CoordinateFrame {
  double width = 1000.0;
  double height = 1000.0;
};

/// A place in pixels of the upright image.
struct PixelPlace {
  PixelRect rect;
  bool swapped = false;  ///< the corners were in another order
  bool clamped = false;  ///< a coordinate was outside of the image
};

namespace detail {

inline void check_frame(const CoordinateFrame& frame, int width, int height) {
  if (!(frame.width > 0.0 && frame.height > 0.0 && std::isfinite(frame.width) && std::isfinite(frame.height))) {
    throw InputError("the extent of coordinates must be positive",
                     {.field = "frame", .found = std::to_string(frame.width) + " x " + std::to_string(frame.height)});
  }
  if (width < 1 || height < 1) {
    throw InputError("the image has no pixels",
                     {.field = "size", .found = std::to_string(width) + " x " + std::to_string(height)});
  }
}

/// The interval of pixels between two coordinates; between 0 and `extent` is all of `size` pixels.
inline std::pair<int, int> pixel_interval(double a, double b, bool point, double extent, int size, PixelPlace& place) {
  if (a > b) {
    std::swap(a, b);
    place.swapped = true;
  }
  if (a < 0.0 || b > extent) place.clamped = true;
  const auto scaled = [&](double v) { return std::clamp(v / extent, 0.0, 1.0) * size; };
  if (point) {
    const int pixel = std::min(static_cast<int>(scaled(a)), size - 1);
    return {pixel, pixel + 1};
  }
  const int first = std::min(static_cast<int>(std::lround(scaled(a))), size - 1);
  return {first, std::max(static_cast<int>(std::lround(scaled(b))), first + 1)};
}

}  // namespace detail

/// The place in pixels of the upright image of width x height pixels: corners in order, edges rounded to nearest, all
/// within the image, at least one pixel. Throws InputError for an image or a frame without extent.
inline PixelPlace to_pixels(const Place& place, const CoordinateFrame& frame, int width, int height) {
  detail::check_frame(frame, width, height);
  const bool point = place.kind == Place::Kind::point;
  PixelPlace out;
  const auto [x1, y1, x2, y2] = place.model;
  std::tie(out.rect.x1, out.rect.x2) = detail::pixel_interval(x1, x2, point, frame.width, width, out);
  std::tie(out.rect.y1, out.rect.y2) = detail::pixel_interval(y1, y2, point, frame.height, height, out);
  return out;
}

/// The coordinates x1, y1, x2, y2 that a model would give for these pixels, not rounded; for prompts that name a place.
/// Throws InputError as to_pixels().
inline std::array<double, 4> to_model(const PixelRect& rect, const CoordinateFrame& frame, int width, int height) {
  detail::check_frame(frame, width, height);
  const double x = frame.width / width, y = frame.height / height;
  return {rect.x1 * x, rect.y1 * y, rect.x2 * x, rect.y2 * y};
}

VLMT_END_NAMESPACE
