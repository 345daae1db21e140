// Pixels of an upright image as a file stores them, before its orientation is applied.
#pragma once

#include "vlmt/base/config.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/text/places/place.hpp"

VLMT_BEGIN_NAMESPACE

/// The rectangle of a file's stored pixels that shows `upright` of the upright image of width x height pixels: the
/// inverse of apply_orientation(). Other orientations than 2 to 8 change nothing.
constexpr PixelRect stored_rect(const PixelRect& upright, int width, int height, int orientation) noexcept {
  if (orientation < 2 || orientation > 8) return upright;
  PixelRect r = upright;
  // 2, 3, 7 and 8 mirror what becomes the stored x, 3, 4, 6 and 7 what becomes the stored y.
  const bool transposes = orientation_transposes(orientation);
  if (transposes) r = {r.y1, r.x1, r.y2, r.x2};
  const int stored_width = transposes ? height : width, stored_height = transposes ? width : height;
  if (orientation == 2 || orientation == 3 || orientation >= 7) {
    r = {stored_width - r.x2, r.y1, stored_width - r.x1, r.y2};
  }
  if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
    r = {r.x1, stored_height - r.y2, r.x2, stored_height - r.y1};
  }
  return r;
}

VLMT_END_NAMESPACE
