// Decodes JPEG, PNG, WebP, GIF and BMP images from files or memory; the first bytes decide the format. docs/images.md
// describes what is read and what is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/image.hpp"
#if VLMT_HAS_BODIES
#include "vlmt/io/image_bmp.hpp"
#include "vlmt/io/image_gif.hpp"
#include "vlmt/io/image_jpeg.hpp"
#include "vlmt/io/image_kind.hpp"
#include "vlmt/io/image_png.hpp"
#include "vlmt/io/image_webp.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/io/orientation.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// Format, upright size and orientation, without decoding pixels. `name` appears in errors. Throws FileError.
ImageInfo probe_image(std::span<const std::byte> file, const std::string& name = "image");

/// Decodes an image file in memory to upright 8-bit RGB, composited on the background; 16-bit samples keep their high
/// byte. Of an animation the first frame. A damaged file of which all pixels can be read is read, with a note (see
/// ImageOptions::strict and on_note). `name` appears in errors and notes. Throws FileError for other damaged or
/// truncated files and for other formats, LimitError with the option's name if a limit is exceeded.
Image decode_image(std::span<const std::byte> file, const ImageOptions& options = {},
                   const std::string& name = "image");

/// decode_image() of a file; its path appears in errors. Throws FileError, LimitError.
Image load_image(const std::string& path, const ImageOptions& options = {});

#if VLMT_HAS_BODIES

VLMT_BODY ImageInfo probe_image(std::span<const std::byte> file, const std::string& name) {
  switch (detail::require_image_format(file, name)) {
    case ImageFormat::Jpeg:
      return detail::probe_jpeg(file, name);
    case ImageFormat::Png:
      return detail::probe_png(file, name);
    case ImageFormat::WebP:
      return detail::probe_webp(file, name);
    case ImageFormat::Gif:
      return detail::probe_gif(file, name);
    default:
      return detail::probe_bmp(file, name);
  }
}

VLMT_BODY Image decode_image(std::span<const std::byte> file, const ImageOptions& options, const std::string& name) {
  if (file.size() > options.max_bytes) {
    throw LimitError("the image's file is too large", {.file = name,
                                                       .field = "max_bytes",
                                                       .expected = "at most " + std::to_string(options.max_bytes),
                                                       .found = std::to_string(file.size())});
  }
  const ImageInfo info = probe_image(file, name);
  detail::check_pixels(name, static_cast<std::uint64_t>(info.width), static_cast<std::uint64_t>(info.height), options);
  detail::ImageNotes notes;
  Image image = [&] {
    switch (info.format) {
      case ImageFormat::Jpeg:
        return detail::decode_jpeg(file, options, info, name, notes);
      case ImageFormat::Png:
        return detail::decode_png(file, options, info, name, notes);
      case ImageFormat::WebP:
        return detail::decode_webp(file, options, info, name, notes);
      case ImageFormat::Gif:
        return detail::decode_gif(file, options, name, notes);
      default:
        return detail::decode_bmp(file, options, name, notes);
    }
  }();
  detail::tell(notes, options, name);
  apply_orientation(image, info.orientation);
  if (orientation_transposes(info.orientation)) std::swap(image.original_width, image.original_height);
  return image;
}

VLMT_BODY Image load_image(const std::string& path, const ImageOptions& options) {
  const auto file = MappedFile::open(path);
  return decode_image(file->bytes(), options, path);
}

#endif

VLMT_END_NAMESPACE
