// The chunks of a PNG file: checksums, metadata with the orientation, and what is wrong around the image data.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/jpeg_segments.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/xmp.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// A chunk of a PNG: its length, name, data and checksum (CRC).
struct PngChunk {
  std::string_view name;  ///< 4 characters
  std::span<const std::byte> data;
  bool sound = true;  ///< the checksum is right

  bool is(std::string_view other) const noexcept { return name == other; }
  /// Decoders may skip it.
  bool is_ancillary() const noexcept { return (name[0] & 0x20) != 0; }
};

/// Calls use(chunk) for all complete chunks up to IEND, without checking their checksums. Returns the offset after the
/// last of them.
template <class Use>
std::size_t for_each_png_chunk(std::span<const std::byte> file, Use&& use) {
  std::size_t at = 8;  // after the signature
  while (at + 12 <= file.size()) {
    const std::size_t length = big_endian(file, at, 4);
    if (length > file.size() - at - 12) break;
    const PngChunk chunk{as_text(file.subspan(at + 4, 4)), file.subspan(at + 8, length)};
    at += 12 + length;
    use(chunk);
    if (chunk.is("IEND")) break;
  }
  return at;
}

/// True if the chunk's checksum, which follows its data, is right.
inline bool is_sound(const PngChunk& chunk) noexcept {
  uLong crc = crc32(0, reinterpret_cast<const Bytef*>(chunk.name.data()), 4);
  const auto* data = reinterpret_cast<const Bytef*>(chunk.data.data());
  for (std::size_t done = 0; done < chunk.data.size();) {
    const auto n = static_cast<uInt>(std::min(chunk.data.size() - done, std::size_t{1} << 30));
    crc = crc32(crc, data + done, n);
    done += n;
  }
  return crc == big_endian({chunk.data.data() + chunk.data.size(), 4}, 0, 4);
}

/// At most `most` bytes that the zlib stream `data` expands to; fewer if it is damaged.
inline std::vector<std::byte> inflate_some(std::span<const std::byte> data, std::size_t most) {
  constexpr std::size_t ratio = 1032;  // the most that zlib compresses
  std::vector<std::byte> out(std::min(most, data.size() * ratio));
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
  stream.avail_in = static_cast<uInt>(std::min(data.size(), most));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_FINISH);
  out.erase(out.end() - static_cast<std::ptrdiff_t>(stream.avail_out), out.end());
  inflateEnd(&stream);
  return out;
}

/// The bytes of a "Raw profile type" text, as ImageMagick writes them: line feed, name, length, then hexadecimal digits
/// in lines.
inline std::vector<std::byte> raw_profile(std::span<const std::byte> text) {
  const std::string_view all = as_text(text);
  std::vector<std::byte> out;
  std::size_t at = all.find_first_not_of(" \r\n");
  for (int line = 0; line < 2 && at < all.size(); ++line) {
    at = all.find('\n', at);
    if (at < all.size()) ++at;
  }
  if (at >= all.size()) return out;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  int high = -1;
  for (const char c : all.substr(at)) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    const int value = digit(c);
    if (value < 0) break;
    if (high >= 0) out.push_back(static_cast<std::byte>(high << 4 | value));
    high = high >= 0 ? -1 : value;
  }
  return out;
}

/// The contents of a text chunk (tEXt, zTXt or iTXt) if `wanted` accepts its keyword; nothing if it does not or the
/// chunk is damaged. Expands to at most a megabyte.
template <class Wanted>
std::optional<std::vector<std::byte>> png_text(const PngChunk& chunk, Wanted&& wanted) {
  constexpr std::size_t most = std::size_t{1} << 20;
  const bool plain = chunk.is("tEXt"), international = chunk.is("iTXt");
  if (!plain && !international && !chunk.is("zTXt")) return std::nullopt;
  const std::string_view text = as_text(chunk.data);
  std::size_t at = text.substr(0, 80).find('\0');
  if (at == std::string_view::npos || !wanted(text.substr(0, at))) return std::nullopt;
  ++at;
  bool compressed = !plain;
  if (international) {  // flag, method, language, translated keyword
    if (text.size() < at + 2) return std::nullopt;
    compressed = text[at] != 0;
    at += 2;
    for (int part = 0; part < 2; ++part) {
      at = text.find('\0', at);
      if (at == std::string_view::npos) return std::nullopt;
      ++at;
    }
  } else if (compressed) {  // method
    if (text.size() < at + 1) return std::nullopt;
    ++at;
  }
  const auto rest = chunk.data.subspan(at);
  if (compressed) return inflate_some(rest, most);
  const auto part = rest.first(std::min(rest.size(), most));
  return std::vector<std::byte>(part.begin(), part.end());
}

}  // namespace detail

/// The eXIf chunk of a PNG, or empty.
inline std::span<const std::byte> find_png_exif(std::span<const std::byte> file) {
  std::span<const std::byte> exif;
  detail::for_each_png_chunk(file, [&](const detail::PngChunk& chunk) {
    if (exif.empty() && chunk.is("eXIf")) exif = chunk.data;
  });
  return exif;
}

/// The orientation of a PNG, 1 to 8: from EXIF (an eXIf chunk, or a raw profile as ImageMagick writes it), else from
/// XMP (a text chunk or a raw profile), else 1.
inline int png_orientation(std::span<const std::byte> file) {
  using namespace detail;
  if (const int value = exif_orientation(find_png_exif(file))) return value;
  constexpr std::string_view xmp = "XML:com.adobe.xmp", raw = "Raw profile type ";
  int of_exif = 0, of_xmp = 0;
  std::size_t texts = 0;
  for_each_png_chunk(file, [&](const PngChunk& chunk) {
    // A file may hold thousands of texts, each of which expands to a megabyte.
    if (of_exif != 0 || texts >= 16) return;
    std::string_view keyword;
    const auto text = png_text(chunk, [&](std::string_view found) {
      keyword = found;
      return found == xmp || found.starts_with(raw);
    });
    if (!text) return;
    ++texts;
    int value = 0;
    bool is_exif = false;
    if (keyword == xmp) {
      value = xmp_orientation(*text);
    } else {
      const std::vector<std::byte> profile = raw_profile(*text);
      const std::string_view kind = keyword.substr(raw.size());
      if (kind != "exif" && kind != "xmp" && kind != "APP1" && kind != "app1") return;
      const bool signed_xmp = has_text(profile, 0, xmp_signature);
      is_exif = kind != "xmp" && !signed_xmp;
      const auto packet = std::span(profile).subspan(signed_xmp ? xmp_signature.size() : 0);
      value = is_exif ? exif_orientation(packet) : xmp_orientation(packet);
    }
    int& target = is_exif ? of_exif : of_xmp;
    if (target == 0) target = value;
  });
  return of_exif != 0 ? of_exif : of_xmp != 0 ? of_xmp : 1;
}

VLMT_END_NAMESPACE
