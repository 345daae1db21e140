// Decodes JPEG, PNG and WebP images from files or memory; the first bytes decide the format.
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
#include "vlmt/io/image_jpeg.hpp"
#include "vlmt/io/image_png.hpp"
#include "vlmt/io/image_webp.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/io/orientation.hpp"
#endif

VLMT_BEGIN_NAMESPACE

#if VLMT_HAS_BODIES

namespace detail {

inline ImageFormat image_format(std::span<const std::byte> file, const std::string& name) {
  if (has_text(file, 0, "\xff\xd8\xff")) return ImageFormat::Jpeg;
  if (has_text(file, 0, "\x89PNG\r\n\x1a\n")) return ImageFormat::Png;
  if (has_text(file, 0, "RIFF") && has_text(file, 8, "WEBP")) return ImageFormat::WebP;
  throw FileError("is not a supported image", {.file = name, .expected = "JPEG, PNG or WebP"});
}

}  // namespace detail

#endif

/// Format, upright size and orientation, without decoding pixels. `name` appears in errors. Throws FileError.
ImageInfo probe_image(std::span<const std::byte> file, const std::string& name = "image");

/// Decodes an image file in memory to upright 8-bit RGB; 16-bit samples keep their high byte. `name` appears in errors.
/// Throws FileError for a damaged or truncated file and for other formats, LimitError with the option's name if a limit
/// is exceeded.
Image decode_image(std::span<const std::byte> file, const ImageOptions& options = {},
                   const std::string& name = "image");

/// decode_image() of a file; its path appears in errors. Throws FileError, LimitError.
Image load_image(const std::string& path, const ImageOptions& options = {});

#if VLMT_HAS_BODIES

VLMT_BODY ImageInfo probe_image(std::span<const std::byte> file, const std::string& name) {
  switch (detail::image_format(file, name)) {
    case ImageFormat::Jpeg:
      return detail::probe_jpeg(file, name);
    case ImageFormat::Png:
      return detail::probe_png(file, name);
    default:
      return detail::probe_webp(file, name);
  }
}

VLMT_BODY Image decode_image(std::span<const std::byte> file, const ImageOptions& options, const std::string& name) {
  if (file.size() > options.max_bytes) {
    throw LimitError("the image's file is too large", {.file = name,
                                                       .field = "max_bytes",
                                                       .expected = "at most " + std::to_string(options.max_bytes),
                                                       .found = std::to_string(file.size())});
  }
  Image image;
  int orientation = 1;
  switch (detail::image_format(file, name)) {
    case ImageFormat::Jpeg:
      orientation = exif_orientation(find_jpeg_exif(file));
      image = detail::decode_jpeg(file, options, orientation, name);
      break;
    case ImageFormat::Png:
      orientation = exif_orientation(find_png_exif(file));
      image = detail::decode_png(file, options, orientation, name);
      break;
    case ImageFormat::WebP:
      orientation = exif_orientation(find_webp_exif(file));
      image = detail::decode_webp(file, options, orientation, name);
      break;
  }
  apply_orientation(image, orientation);
  if (orientation_transposes(orientation)) std::swap(image.original_width, image.original_height);
  return image;
}

VLMT_BODY Image load_image(const std::string& path, const ImageOptions& options) {
  const auto file = MappedFile::open(path);
  return decode_image(file->bytes(), options, path);
}

#endif

VLMT_END_NAMESPACE
