// Orientation: reads it from EXIF and makes pixels upright.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Bytes of an integer of this TIFF type; 0 for other types.
constexpr std::size_t exif_integer_bytes(std::uint32_t type) noexcept {
  constexpr std::uint32_t byte = 1, sbyte = 6, short_ = 3, sshort = 8, long_ = 4, slong = 9;
  if (type == byte || type == sbyte) return 1;
  if (type == short_ || type == sshort) return 2;
  return type == long_ || type == slong ? 4 : 0;
}

}  // namespace detail

/// The orientation, 1 to 8, in an EXIF block: a TIFF header and its first directory, with or without "Exif\0\0" before
/// it. 0 if there is none or the block is damaged: bad metadata must not make a good image unreadable. The value is a
/// SHORT by the standard; some programs write other integers.
inline int exif_orientation(std::span<const std::byte> exif) noexcept {
  using namespace detail;
  if (has_text(exif, 0, {"Exif\0\0", 6})) exif = exif.subspan(6);
  if (exif.size() < 8) return 0;
  const bool big = has_text(exif, 0, {"MM\0*", 4});
  if (!big && !has_text(exif, 0, {"II*\0", 4})) return 0;
  const auto number = [&](std::size_t at, std::size_t n) {
    return big ? big_endian(exif, at, n) : little_endian(exif, at, n);
  };
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() || exif.size() - directory < 2) return 0;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + 12 * i;
    if (at + 12 > exif.size()) return 0;
    constexpr std::uint32_t orientation_tag = 0x0112;
    if (number(at, 2) != orientation_tag) continue;
    const std::size_t bytes = exif_integer_bytes(number(at + 2, 2));
    if (bytes == 0 || number(at + 4, 4) != 1) return 0;
    const std::uint32_t value = number(at + 8, bytes);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
  }
  return 0;
}

/// True if the orientation swaps width and height.
constexpr bool orientation_transposes(int orientation) noexcept {
  return orientation >= 5;
}

/// Makes an image stored with this orientation upright. Orientations 5 to 8 allocate a second copy of the pixels.
inline void apply_orientation(Image& image, int orientation) {
  if (orientation <= 1 || orientation > 8) return;
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  if (!orientation_transposes(orientation)) {
    const bool flip_x = orientation == 2 || orientation == 3;
    const bool flip_y = orientation == 3 || orientation == 4;
    const auto row = [&](std::size_t y) { return image.rgb.begin() + static_cast<std::ptrdiff_t>(3 * width * y); };
    if (flip_y) {
      for (std::size_t y = 0; y < height / 2; ++y) std::swap_ranges(row(y), row(y + 1), row(height - 1 - y));
    }
    if (flip_x) {
      for (std::size_t y = 0; y < height; ++y) {
        std::uint8_t* pixels = image.rgb.data() + 3 * width * y;
        for (std::size_t a = 0, b = width - 1; a < b; ++a, --b) {
          std::swap_ranges(pixels + 3 * a, pixels + 3 * a + 3, pixels + 3 * b);
        }
      }
    }
    return;
  }
  // Upright (x, y) comes from stored (sx, sy): 5 (y, x), 6 (y, H-1-x), 7 (W-1-y, H-1-x), 8 (W-1-y, x).
  const bool mirror_sx = orientation >= 7;
  const bool mirror_sy = orientation == 6 || orientation == 7;
  std::vector<std::uint8_t> out(image.rgb.size());
  constexpr std::size_t tile = 32;  // keeps the strided reads in cache
  for (std::size_t y0 = 0; y0 < width; y0 += tile) {
    for (std::size_t x0 = 0; x0 < height; x0 += tile) {
      for (std::size_t y = y0; y < std::min(y0 + tile, width); ++y) {
        const std::size_t sx = mirror_sx ? width - 1 - y : y;
        for (std::size_t x = x0; x < std::min(x0 + tile, height); ++x) {
          const std::size_t sy = mirror_sy ? height - 1 - x : x;
          std::memcpy(out.data() + 3 * (y * height + x), image.rgb.data() + 3 * (sy * width + sx), 3);
        }
      }
    }
  }
  image.rgb = std::move(out);
  std::swap(image.width, image.height);
}

VLMT_END_NAMESPACE
