// Metadata segments of a JPEG file: EXIF and XMP.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/xmp.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// The contents of the first APP1 segment that starts with `signature` (the contents include it), or empty.
inline std::span<const std::byte> find_jpeg_app1(std::span<const std::byte> file, std::string_view signature) noexcept {
  std::size_t at = 2;  // after the start-of-image marker
  while (at + 4 <= file.size()) {
    const auto marker = std::to_integer<unsigned>(file[at + 1]);
    // Stray and fill bytes, which libjpeg skips, too.
    if (file[at] != std::byte{0xff} || marker == 0xff || marker == 0) {
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;  // the scan or the end: no metadata follows
    const std::size_t length = big_endian(file, at + 2, 2);
    if (length < 2 || length > file.size() - at - 2) break;
    const auto segment = file.subspan(at + 4, length - 2);
    if (marker == 0xe1 && has_text(segment, 0, signature)) return segment;
    at += 2 + length;
  }
  return {};
}

inline constexpr std::string_view xmp_signature{"http://ns.adobe.com/xap/1.0/\0", 29};

}  // namespace detail

/// The EXIF block of a JPEG (from its first APP1 segment with one), or empty.
inline std::span<const std::byte> find_jpeg_exif(std::span<const std::byte> file) noexcept {
  return detail::find_jpeg_app1(file, {"Exif\0\0", 6});
}

/// The XMP packet of a JPEG, or empty.
inline std::span<const std::byte> find_jpeg_xmp(std::span<const std::byte> file) noexcept {
  const auto segment = detail::find_jpeg_app1(file, detail::xmp_signature);
  return segment.subspan(std::min(segment.size(), detail::xmp_signature.size()));
}

/// The orientation of a JPEG, 1 to 8: from EXIF, else from XMP, else 1.
inline int jpeg_orientation(std::span<const std::byte> file) {
  if (const int value = exif_orientation(find_jpeg_exif(file))) return value;
  if (const int value = xmp_orientation(find_jpeg_xmp(file))) return value;
  return 1;
}

VLMT_END_NAMESPACE
