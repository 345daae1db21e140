// The chunks of a WebP file: its image or first frame, metadata, and what is wrong around them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/xmp.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Where things are in a WebP file. Parts that the file does not have are empty.
struct WebpChunks {
  std::span<const std::byte> header;  ///< VP8X: flags and canvas
  std::span<const std::byte> frame;   ///< ANMF of the first frame: place, size, then its chunks
  /// The chunk VP8 or VP8L with its head, as much of it as is there; of a lossy image with alpha from the chunk ALPH
  /// on.
  std::span<const std::byte> image;
  std::span<const std::byte> exif;
  std::span<const std::byte> xmp;
  bool image_is_cut = false;  ///< the chunk of the image is longer than the file
  std::size_t frames = 0;     ///< of an animation
  std::string damage;         ///< of the file's structure, around the image
};

/// Calls use(name, data, is_cut) for the chunks in `bytes`, from `at`, until it returns false or the bytes end. A chunk
/// is its name, length and data, padded to an even length. Returns the offset after the last chunk.
template <class Use>
std::size_t for_each_webp_chunk(std::span<const std::byte> bytes, std::size_t at, Use&& use) {
  while (at < bytes.size() && bytes.size() - at >= 8) {
    const std::size_t length = little_endian(bytes, at + 4, 4), there = bytes.size() - at - 8;
    const bool goes_on =
        use(as_text(bytes.subspan(at, 4)), bytes.subspan(at + 8, std::min(length, there)), length > there);
    if (length > there) return bytes.size();
    at += 8 + length + length % 2;
    if (!goes_on) break;
  }
  return std::min(at, bytes.size());
}

/// The size of the file by its RIFF header. Requires that the header is there.
inline std::uint64_t webp_riff_size(std::span<const std::byte> file) noexcept {
  const std::uint64_t size = std::uint64_t{little_endian(file, 4, 4)} + 8;
  return size + size % 2;
}

/// Requires 12 bytes: "RIFF", size, "WEBP".
inline WebpChunks read_webp_chunks(std::span<const std::byte> file) {
  WebpChunks out;
  const std::byte* alpha = nullptr;
  const auto read_image = [&](std::string_view name, std::span<const std::byte> data, bool is_cut) {
    if (name == "ALPH" && alpha == nullptr) alpha = data.data() - 8;
    if (name != "VP8 " && name != "VP8L") return true;
    const std::byte* first = alpha != nullptr && name == "VP8 " ? alpha : data.data() - 8;
    out.image = {first, data.data() + data.size()};
    out.image_is_cut = is_cut;
    return false;
  };
  const std::uint64_t riff = webp_riff_size(file);
  std::size_t at = 12;
  bool is_cut = false, riff_is_wrong = false;
  const auto read_chunk = [&](std::string_view name, std::span<const std::byte> data, bool cut) {
    at += 8 + data.size() + data.size() % 2;
    is_cut |= cut;
    if (name == "EXIF" && out.exif.empty()) out.exif = data;
    if (name == "XMP " && out.xmp.empty()) out.xmp = data;
    if (name == "ANMF" && data.size() >= 16) ++out.frames;
    if (!out.image.empty()) return at < riff || riff_is_wrong;
    if (name == "VP8X" && out.header.empty()) out.header = data;
    if (name == "ANMF" && out.frames == 1) {
      out.frame = data;
      for_each_webp_chunk(data, 16, read_image);
    } else {
      read_image(name, data, cut);
    }
    riff_is_wrong = !out.image.empty() && at > riff;  // then all bytes may be the image's
    return at < riff || riff_is_wrong || out.image.empty();
  };
  const std::size_t end = for_each_webp_chunk(file, at, read_chunk);
  if (riff_is_wrong && !out.image_is_cut) {
    out.damage = "the size in the RIFF header is wrong";
  } else if (is_cut || riff > file.size() + file.size() % 2) {
    out.damage = "the end of the file is missing";
  } else if (end < file.size()) {
    out.damage = bytes_after_end(file.size() - end);
  }
  return out;
}

/// The orientation of a WebP, 1 to 8: from EXIF, else from XMP, else 1.
inline int webp_orientation(const WebpChunks& chunks) {
  if (const int value = exif_orientation(chunks.exif)) return value;
  if (const int value = xmp_orientation(chunks.xmp)) return value;
  return 1;
}

}  // namespace detail

VLMT_END_NAMESPACE
