// A picture in memory, and what may be asked of those who decode one. Needs no codec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// 8-bit RGB, interleaved, row-major, upright (orientation already applied).
struct Image {
  int width = 0;
  int height = 0;
  /// Size of the picture in its file, upright. Larger than width and height where a JPEG was decoded at a reduced size;
  /// rules that choose a size (smart_resize) start from this one.
  int original_width = 0;
  int original_height = 0;
  std::vector<std::uint8_t> rgb;  ///< (height, width, 3)
};

enum class ImageFormat : std::uint8_t { Jpeg, Png, WebP };

/// What becomes of transparency: dropped, as transformers' convert("RGB") does, or composited on white.
enum class AlphaPolicy : std::uint8_t { Drop, White };

/// What the caller will shrink the picture to; lets a large JPEG be decoded at 1/8 to 7/8 of its size.
///
/// The decoded picture never has fewer pixels than the target in either direction. It is decoded in full unless half,
/// a quarter or an eighth still has twice the target's width and height, or the full picture would take more than
/// 96 MiB. All zero: always in full.
struct DecodeHint {
  int target_width = 0;  ///< of the upright picture
  int target_height = 0;
  /// Instead of width and height: an upper bound of the target's area, its aspect that of the picture.
  std::uint64_t target_pixels = 0;
};

/// Limits and choices of decoding. Limits are checked against the file's header, before anything is allocated.
struct ImageOptions {
  std::uint64_t max_pixels = 256'000'000;              ///< of the picture as stored
  std::uint64_t max_bytes = std::uint64_t{256} << 20;  ///< of the file
  std::uint64_t max_memory = std::uint64_t{1} << 30;   ///< of the decoded picture and the decoder together
  AlphaPolicy alpha = AlphaPolicy::Drop;
  DecodeHint hint = {};
};

/// What the header of a picture says.
struct ImageInfo {
  ImageFormat format = ImageFormat::Jpeg;
  int width = 0;  ///< upright
  int height = 0;
  int orientation = 1;  ///< EXIF, 1 to 8
};

namespace detail {

inline void check_pixels(const std::string& name, std::uint64_t width, std::uint64_t height,
                         const ImageOptions& options) {
  // Both are below 2^32, so the product cannot overflow.
  if (width * height > options.max_pixels) {
    throw LimitError("the picture has too many pixels",
                     {.file = name,
                      .field = "max_pixels",
                      .expected = "at most " + std::to_string(options.max_pixels),
                      .found = std::to_string(width) + " x " + std::to_string(height)});
  }
}

inline void check_memory(const std::string& name, std::uint64_t bytes, const ImageOptions& options) {
  if (bytes > options.max_memory) {
    throw LimitError("decoding the picture takes too much memory",
                     {.file = name,
                      .field = "max_memory",
                      .expected = "at most " + std::to_string(options.max_memory) + " bytes",
                      .found = std::to_string(bytes)});
  }
}

[[noreturn]] inline void bad_image(const std::string& name, const std::string& what, const std::string& why = {}) {
  throw FileError(what + (why.empty() ? "" : ": " + why), {.file = name});
}

}  // namespace detail

VLMT_END_NAMESPACE
