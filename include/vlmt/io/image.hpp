// An image in memory and the options and limits of decoding. Needs no codec library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"

VLMT_BEGIN_NAMESPACE

/// 8-bit RGB, interleaved, row-major, upright (EXIF orientation applied).
struct Image {
  int width = 0;
  int height = 0;
  /// Size of the image in its file, upright; larger than width and height if a JPEG was decoded at reduced size.
  /// smart_resize() starts from this size.
  int original_width = 0;
  int original_height = 0;
  std::vector<std::uint8_t> rgb;  ///< (height, width, 3)
};

enum class ImageFormat : std::uint8_t { Jpeg, Png, WebP };

/// Transparency: drop alpha, as convert("RGB") in transformers does, or composite on white.
enum class AlphaPolicy : std::uint8_t { Drop, White };

/// Size that the caller will shrink the image to; lets a JPEG be decoded at 1/8 to 7/8 of its size. PNG and WebP
/// ignore it.
///
/// Reduced decoding keeps at least the target's width and height. The image is reduced to 1/8, 1/4 or 1/2 if that
/// still has twice the target's width and height. Otherwise, if the full image would take more than 96 MiB, it is
/// reduced by as few eighths as bring it below, as far as the target allows. All zero: always full size.
struct DecodeHint {
  int target_width = 0;  ///< of the upright image, in pixels
  int target_height = 0;
  /// Used if width and height are 0: upper bound of the target's area in pixels; the target has the image's aspect.
  std::uint64_t target_pixels = 0;
};

/// Options and limits of decoding. Limits are checked against the file's header, before pixels are allocated.
struct ImageOptions {
  std::uint64_t max_pixels = 256'000'000;              ///< of the image as stored (width * height)
  std::uint64_t max_bytes = std::uint64_t{256} << 20;  ///< of the file
  std::uint64_t max_memory = std::uint64_t{1} << 30;   ///< bytes of the decoded image and the decoder together
  AlphaPolicy alpha = AlphaPolicy::Drop;
  DecodeHint hint = {};
  const StopFlag* stop_flag = nullptr;  ///< decoding throws Cancelled soon after it is set
};

/// Contents of an image header.
struct ImageInfo {
  ImageFormat format = ImageFormat::Jpeg;
  int width = 0;  ///< upright
  int height = 0;
  int orientation = 1;  ///< EXIF, 1 to 8; already applied to width and height
};

namespace detail {

inline void check_pixels(const std::string& name, std::uint64_t width, std::uint64_t height,
                         const ImageOptions& options) {
  // Both factors are below 2^32, so the product cannot overflow.
  if (width * height > options.max_pixels) {
    throw LimitError("the image has too many pixels",
                     {.file = name,
                      .field = "max_pixels",
                      .expected = "at most " + std::to_string(options.max_pixels),
                      .found = std::to_string(width) + " x " + std::to_string(height)});
  }
}

inline void check_memory(const std::string& name, std::uint64_t bytes, const ImageOptions& options) {
  if (bytes > options.max_memory) {
    throw LimitError("decoding the image takes too much memory",
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
