// Which image format a file has, by its first bytes, and the names of common files that vlmt does not decode.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

/// The format, if it is one that decode_image() reads. The first 32 bytes decide.
inline std::optional<ImageFormat> image_format(std::span<const std::byte> file) noexcept {
  using detail::has_text;
  if (has_text(file, 0, "\xff\xd8\xff")) return ImageFormat::Jpeg;
  if (has_text(file, 0, "\x89PNG\r\n\x1a\n")) return ImageFormat::Png;
  if (has_text(file, 0, "RIFF") && has_text(file, 8, "WEBP")) return ImageFormat::WebP;
  if (has_text(file, 0, "GIF87a") || has_text(file, 0, "GIF89a")) return ImageFormat::Gif;
  // Two letters are little: a text may begin with them. The size of the second header is 12 to 124.
  if (has_text(file, 0, "BM") && file.size() >= 18 && detail::little_endian(file, 14, 4) - 12 <= 124 - 12) {
    return ImageFormat::Bmp;
  }
  return std::nullopt;
}

/// A format that decode_image() does not read.
struct ForeignFormat {
  const char* name;  ///< with its article: "a TIFF file"
  bool image;        ///< a photo or a frame may be stored so
};

namespace detail {

/// The format of an ISO media file ("ftyp"), by its brands.
inline std::optional<ForeignFormat> media_brand(std::span<const std::byte> file) noexcept {
  if (!has_text(file, 4, "ftyp") || file.size() < 12) return std::nullopt;
  const std::size_t end = std::min({std::size_t{big_endian(file, 0, 4)}, file.size(), std::size_t{256}});
  const auto brand = [&](std::string_view name) {
    if (has_text(file, 8, name)) return true;
    for (std::size_t at = 16; at + 4 <= end; at += 4) {
      if (has_text(file, at, name)) return true;
    }
    return false;
  };
  if (brand("avif") || brand("avis")) return ForeignFormat{"an AVIF file", true};
  for (const char* name : {"heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"}) {
    if (brand(name)) return ForeignFormat{"a HEIC file", true};
  }
  if (brand("crx ")) return ForeignFormat{"a camera's raw file (CR3)", true};
  return ForeignFormat{"a video (MP4 or MOV)", false};
}

/// True if a text file has `tag` (lower case) in its first bytes.
inline bool has_tag(std::span<const std::byte> file, std::string_view tag) {
  std::string text(as_text(file.first(std::min(file.size(), std::size_t{4096}))));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::size_t first = text.find_first_not_of("\xef\xbb\xbf \t\r\n");
  return first != std::string::npos && text[first] == '<' && text.find(tag) != std::string::npos;
}

}  // namespace detail

/// The format of a file that decode_image() does not read; nothing if it is unknown. The first 4,096 bytes decide.
inline std::optional<ForeignFormat> foreign_format(std::span<const std::byte> file) {
  using namespace std::string_view_literals;
  struct Magic {
    std::size_t at;
    std::string_view bytes;
    ForeignFormat format;
  };
  static constexpr Magic table[] = {
      {0, "II*\0"sv, {"a TIFF file", true}},
      {0, "MM\0*"sv, {"a TIFF file", true}},
      {0, "II+\0"sv, {"a TIFF file", true}},
      {0, "MM\0+"sv, {"a TIFF file", true}},
      {0, "\0\0\0\x0cJXL \r\n\x87\n"sv, {"a JPEG XL file", true}},
      {0, "\xff\x0a"sv, {"a JPEG XL file", true}},
      {0, "\0\0\0\x0cjP  \r\n\x87\n"sv, {"a JPEG 2000 file", true}},
      {0, "\xff\x4f\xff\x51"sv, {"a JPEG 2000 file", true}},
      {0, "II\xbc\x01"sv, {"a JPEG XR file", true}},
      {0, "qoif"sv, {"a QOI file", true}},
      {0, "\x76\x2f\x31\x01"sv, {"an OpenEXR file", true}},
      {0, "#?RADIANCE"sv, {"a Radiance HDR file", true}},
      {0, "DDS "sv, {"a DDS file", true}},
      {0, "8BPS"sv, {"a Photoshop file", false}},
      {0, "gimp xcf"sv, {"a GIMP file", false}},
      {0, "\0\0\1\0"sv, {"an icon file (ICO)", false}},
      {0, "\0\0\2\0"sv, {"a cursor file (CUR)", false}},
      {0, "%!PS"sv, {"a PostScript file", false}},
      {8, "AVI LIST"sv, {"a video (AVI)", false}},
      {0, "\x1a\x45\xdf\xa3"sv, {"a video (Matroska or WebM)", false}},
      {0, "GGUF"sv, {"a GGUF model", false}},
      {0, "PK\3\4"sv, {"a ZIP archive", false}},
      {0, "\x1f\x8b"sv, {"a gzip archive", false}},
  };
  for (const Magic& magic : table) {
    if (detail::has_text(file, magic.at, magic.bytes)) return magic.format;
  }
  if (const auto media = detail::media_brand(file)) return media;
  if (file.size() > 2 && detail::has_text(file, 0, "P")) {  // P1 to P7 and white space
    const auto kind = std::to_integer<char>(file[1]), space = std::to_integer<char>(file[2]);
    if (kind >= '1' && kind <= '7' && (space == '\n' || space == ' ' || space == '\r' || space == '\t')) {
      return ForeignFormat{"a PNM file", true};
    }
  }
  const std::string_view start = detail::as_text(file.first(std::min(file.size(), std::size_t{1024})));
  if (start.find("%PDF-") != std::string_view::npos) return ForeignFormat{"a PDF file", false};
  if (detail::has_tag(file, "<svg")) return ForeignFormat{"an SVG file", false};
  if (detail::has_tag(file, "<html") || detail::has_tag(file, "<!doctype html")) {
    return ForeignFormat{"an HTML page", false};
  }
  return std::nullopt;
}

namespace detail {

/// The format of a file that must be an image. Throws FileError that names another format if it is known.
inline ImageFormat require_image_format(std::span<const std::byte> file, const std::string& name) {
  if (const auto format = image_format(file)) return *format;
  if (const auto foreign = foreign_format(file)) {
    throw FileError("is " + std::string(foreign->name) + "; vlmt reads JPEG, PNG, WebP, GIF and BMP: convert it first",
                    {.file = name});
  }
  throw FileError("is not a supported image", {.file = name, .expected = "JPEG, PNG, WebP, GIF or BMP"});
}

}  // namespace detail

VLMT_END_NAMESPACE
