// The headers of a BMP file: Windows (all versions) and OS/2.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// A field of a pixel: its bits.
struct BmpField {
  std::uint32_t mask = 0;

  /// The value of the field, from 0 to 255; 0 for an empty field.
  std::uint8_t of(std::uint32_t pixel) const noexcept {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const std::uint64_t value = (pixel & mask) >> shift, most = mask >> shift;
    return static_cast<std::uint8_t>((value * 255 + most / 2) / most);
  }
};

enum class BmpPacking : std::uint8_t { Rows, Rle8, Rle4 };

/// What the headers of a BMP file say.
struct BmpHeader {
  std::uint32_t width = 0, height = 0;
  bool top_down = false;
  unsigned bits = 0;  ///< of a pixel: 1, 2, 4, 8 (indices), 16, 24, 32
  BmpPacking packing = BmpPacking::Rows;
  std::array<BmpField, 4> fields{};                        ///< red, green, blue, alpha, of 16 and 32 bits
  std::array<std::array<std::uint8_t, 3>, 256> palette{};  ///< RGB; black beyond its end
  std::size_t pixels_at = 0;                               ///< offset in the file

  /// Bytes from row to row.
  std::uint64_t stride() const noexcept { return (std::uint64_t{width} * bits + 31) / 32 * 4; }
  /// Bytes of a row that hold pixels.
  std::uint64_t row_bytes() const noexcept { return (std::uint64_t{width} * bits + 7) / 8; }
};

/// Throws FileError if the headers are damaged or the kind of BMP is not supported.
inline BmpHeader read_bmp_header(std::span<const std::byte> file, const std::string& name) {
  constexpr std::size_t info_at = 14;
  const auto fail = [&](const std::string& why) { bad_image(name, "is not a readable BMP", why); };
  const auto refuse = [&](const std::string& what) { bad_image(name, "is a BMP of an unsupported kind", what); };
  const std::size_t info_size = file.size() < info_at + 4 ? 0 : little_endian(file, info_at, 4);
  if (info_size < 12 || file.size() < info_at + info_size) fail("the file ends in its header");
  const bool core = info_size < 16;                        // OS/2 1.x
  const auto field = [&](std::size_t at, std::size_t n) {  // fields beyond a short header are 0
    return at + n <= info_size ? little_endian(file, info_at + at, n) : 0;
  };
  BmpHeader h;
  const auto width = core ? std::int64_t{field(4, 2)} : std::int64_t{static_cast<std::int32_t>(field(4, 4))};
  const auto height = core ? std::int64_t{field(6, 2)} : std::int64_t{static_cast<std::int32_t>(field(8, 4))};
  constexpr std::int64_t most = 0x7fffffff;
  if (width <= 0 || height == 0 || height < -most) {
    fail("an image of " + std::to_string(width) + " x " + std::to_string(height) + " pixels");
  }
  h.width = static_cast<std::uint32_t>(width);
  h.height = static_cast<std::uint32_t>(height < 0 ? -height : height);
  h.top_down = height < 0;
  h.bits = core ? field(10, 2) : field(14, 2);
  constexpr unsigned depths[] = {1, 2, 4, 8, 16, 24, 32};
  if (std::find(std::begin(depths), std::end(depths), h.bits) == std::end(depths)) {
    refuse(std::to_string(h.bits) + " bits per pixel");
  }

  // After the headers: masks if they are not in them, then the palette, then the pixels.
  const std::uint32_t compression = field(16, 4);
  const bool os2 = info_size == 16 || info_size == 64;  // compressions 3 and 4 are others there
  std::size_t at = info_at + info_size;
  if (compression == 1 && h.bits == 8) {
    h.packing = BmpPacking::Rle8;
  } else if (compression == 2 && h.bits == 4) {
    h.packing = BmpPacking::Rle4;
  } else if ((compression == 3 || compression == 6) && !os2 && (h.bits == 16 || h.bits == 32)) {
    const std::size_t masks = compression == 6 || info_size >= 56 ? 4 : 3;
    const std::size_t end = info_at + 40 + 4 * masks;
    if (file.size() < end) fail("the file ends in its header");
    for (std::size_t i = 0; i < masks; ++i) h.fields[i].mask = little_endian(file, info_at + 40 + 4 * i, 4);
    at = std::max(at, end);
  } else if (compression != 0) {
    refuse("compression " + std::to_string(compression) + " of " + std::to_string(h.bits) + " bits");
  } else if (h.bits == 16) {
    h.fields = {{{0x7c00}, {0x3e0}, {0x1f}, {}}};
  } else if (h.bits == 32) {
    h.fields = {{{0xff0000}, {0xff00}, {0xff}, {0xff000000}}};
  }
  if (h.bits == 16) {
    for (BmpField& f : h.fields) f.mask &= 0xffff;
  }

  const std::size_t entry = core ? 3 : 4;
  h.pixels_at = little_endian(file, 10, 4);
  if (h.pixels_at == info_at + info_size) h.pixels_at = 0;  // it forgets the palette
  std::size_t colours = 0;
  if (h.bits <= 8) {
    const std::uint32_t used = field(32, 4), all = 1u << h.bits;
    colours = used == 0 || used > all ? all : used;
    // Some files say 256 colours and hold fewer.
    const std::size_t end = h.pixels_at == 0 ? file.size() : std::min(h.pixels_at, file.size());
    colours = std::min(colours, end > at ? (end - at) / entry : 0);
  }
  for (std::size_t i = 0; i < colours; ++i) {  // stored as blue, green, red
    for (std::size_t c = 0; c < 3; ++c) h.palette[i][c] = std::to_integer<std::uint8_t>(file[at + entry * i + 2 - c]);
  }
  if (h.pixels_at == 0) h.pixels_at = at + entry * colours;  // not told
  if (h.pixels_at < info_at + info_size) fail("the pixels begin in the header");
  return h;
}

}  // namespace detail

VLMT_END_NAMESPACE
