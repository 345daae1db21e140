// EXIF orientation: reads it from JPEG, PNG and WebP files and applies it to pixels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

inline std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t n) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

inline std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t n) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = n; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

inline bool has_text(std::span<const std::byte> bytes, std::size_t at, std::string_view text) noexcept {
  return at <= bytes.size() && text.size() <= bytes.size() - at &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

}  // namespace detail

/// The orientation, 1 to 8, in an EXIF block: a TIFF header and its first directory, with or without "Exif\0\0" before
/// it. 1 if there is none or the block is damaged: bad metadata must not make a good image unreadable.
inline int exif_orientation(std::span<const std::byte> exif) noexcept {
  using namespace detail;
  if (has_text(exif, 0, {"Exif\0\0", 6})) exif = exif.subspan(6);
  if (exif.size() < 8) return 1;
  const bool big = has_text(exif, 0, {"MM\0*", 4});
  if (!big && !has_text(exif, 0, {"II*\0", 4})) return 1;
  const auto number = [&](std::size_t at, std::size_t n) {
    return big ? big_endian(exif, at, n) : little_endian(exif, at, n);
  };
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() || exif.size() - directory < 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + 12 * i;
    if (at + 12 > exif.size()) return 1;
    constexpr std::uint32_t orientation_tag = 0x0112;
    constexpr std::uint32_t type_short = 3;
    if (number(at, 2) != orientation_tag) continue;
    if (number(at + 2, 2) != type_short || number(at + 4, 4) != 1) return 1;
    const std::uint32_t value = number(at + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// The EXIF block of a JPEG (from its first APP1 segment with one), or empty.
inline std::span<const std::byte> find_jpeg_exif(std::span<const std::byte> file) noexcept {
  using namespace detail;
  std::size_t at = 2;  // after the start-of-image marker
  while (at + 4 <= file.size() && file[at] == std::byte{0xff}) {
    const auto marker = std::to_integer<unsigned>(file[at + 1]);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;  // the scan or the end: no metadata follows
    const std::size_t length = big_endian(file, at + 2, 2);
    if (length < 2 || length > file.size() - at - 2) break;
    const auto segment = file.subspan(at + 4, length - 2);
    if (marker == 0xe1 && has_text(segment, 0, {"Exif\0\0", 6})) return segment;
    at += 2 + length;
  }
  return {};
}

/// The eXIf chunk of a PNG, or empty.
inline std::span<const std::byte> find_png_exif(std::span<const std::byte> file) noexcept {
  using namespace detail;
  std::size_t at = 8;  // after the signature; a chunk is length, name, data, CRC
  while (at + 12 <= file.size()) {
    const std::size_t length = big_endian(file, at, 4);
    if (length > file.size() - at - 12) break;
    if (has_text(file, at + 4, "eXIf")) return file.subspan(at + 8, length);
    at += 12 + length;
  }
  return {};
}

/// The EXIF chunk of a WebP, or empty.
inline std::span<const std::byte> find_webp_exif(std::span<const std::byte> file) noexcept {
  using namespace detail;
  std::size_t at = 12;  // after the RIFF header; a chunk is name, length, data, padded to an even length
  while (at + 8 <= file.size()) {
    const std::size_t length = little_endian(file, at + 4, 4);
    if (length > file.size() - at - 8) break;
    if (has_text(file, at, "EXIF")) return file.subspan(at + 8, length);
    at += 8 + length + length % 2;
  }
  return {};
}

/// True if the orientation swaps width and height.
constexpr bool orientation_transposes(int orientation) noexcept {
  return orientation >= 5;
}

/// Makes an image stored with this EXIF orientation upright. Orientations 5 to 8 allocate a second copy of the pixels.
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
