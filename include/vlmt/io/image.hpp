// An image in memory and the options and limits of decoding. Needs no codec library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"

VLMT_BEGIN_NAMESPACE

/// 8-bit RGB, interleaved, row-major, upright (the orientation in EXIF or XMP applied), without transparency.
struct Image {
  int width = 0;
  int height = 0;
  /// Size of the image in its file, upright; larger than width and height if a JPEG was decoded at reduced size.
  /// smart_resize() starts from this size.
  int original_width = 0;
  int original_height = 0;
  std::vector<std::uint8_t> rgb;  ///< (height, width, 3)
};

enum class ImageFormat : std::uint8_t { Jpeg, Png, WebP, Gif, Bmp };

/// Transparency: composite on ImageOptions::background, as image viewers do, or drop the alpha channel, as
/// convert("RGB") in transformers does. Dropping shows the colours that files keep where they are transparent: black
/// text on transparency usually becomes black on black.
enum class AlphaPolicy : std::uint8_t { Composite, Drop };

/// Size that the caller will shrink the image to; lets a JPEG be decoded at 1/8 to 7/8 of its size. Other formats
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
  friend constexpr bool operator==(const DecodeHint&, const DecodeHint&) = default;
};

/// Options and limits of decoding. Limits are checked against the file's header, before pixels are allocated.
struct ImageOptions {
  std::uint64_t max_pixels = 256'000'000;              ///< of the image as stored (width * height)
  std::uint64_t max_bytes = std::uint64_t{256} << 20;  ///< of the file
  std::uint64_t max_memory = std::uint64_t{1} << 30;   ///< bytes of the decoded image and the decoder together
  AlphaPolicy alpha = AlphaPolicy::Composite;
  std::array<std::uint8_t, 3> background = {255, 255, 255};  ///< RGB under transparent pixels
  DecodeHint hint = {};
  const StopFlag* stop_flag = nullptr;  ///< decoding throws Cancelled soon after it is set
  /// Refuse a damaged file even if all of its pixels can be read.
  bool strict = false;
  /// Called when a file is decoded of which there is something to tell, with its name and one line: damage that leaves
  /// all pixels readable, frames that are ignored. May be called from every thread that decodes.
  std::function<void(const std::string& name, const std::string& note)> on_note = {};
};

/// Contents of an image header.
struct ImageInfo {
  ImageFormat format = ImageFormat::Jpeg;
  int width = 0;  ///< upright
  int height = 0;
  int orientation = 1;  ///< as in EXIF, 1 to 8; already applied to width and height
};

namespace detail {

/// What a decoder tells about a file that it can read.
struct ImageNotes {
  std::vector<std::string> damage;   ///< a strict reader refuses the file
  std::vector<std::string> remarks;  ///< the file is sound, but not all of it is used
};

/// The remark on a file of which one frame is read.
inline std::string first_frame_of(std::uint64_t frames) {
  return "animated: the first of " + std::to_string(frames) + " frames is read";
}

/// The note on bytes after the end mark.
inline std::string bytes_after_end(std::uint64_t n) {
  return std::to_string(n) + (n == 1 ? " byte follows" : " bytes follow") + " the end of the image";
}

/// "N of HEIGHT rows are there", for files that end early.
inline std::string rows_there(std::uint64_t rows, std::uint64_t height) {
  return std::to_string(rows) + " of " + std::to_string(height) + " rows are there";
}

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

/// Passes notes on. Throws FileError if the file is damaged and the options are strict.
inline void tell(const ImageNotes& notes, const ImageOptions& options, const std::string& name) {
  std::string line;
  for (const std::vector<std::string>* list : {&notes.damage, &notes.remarks}) {
    for (const std::string& note : *list) line += (line.empty() ? "" : "; ") + note;
    if (options.strict && list == &notes.damage && !line.empty()) {
      throw FileError("is damaged: " + line, {.file = name, .field = "strict"});
    }
  }
  if (!line.empty() && options.on_note) options.on_note(name, line);
}

[[noreturn]] inline void bad_image(const std::string& name, const std::string& what, const std::string& why = {}) {
  throw FileError(what + (why.empty() ? "" : ": " + why), {.file = name});
}

}  // namespace detail

VLMT_END_NAMESPACE
