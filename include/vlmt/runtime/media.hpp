// Images and videos in messages: paths, encoded bytes or pixels, decoded on demand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/load_image.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/model/vision_features.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"
#include "vlmt/nn/vision/smart_resize.hpp"

VLMT_BEGIN_NAMESPACE

/// An image by path, as the bytes of an image file, or as pixels. Copies share the data. A session decodes it whenever
/// it needs the pixels and does not keep them.
///
/// max_pixels() bounds the resized image in addition to the session's limits: the smaller bound applies. It belongs to
/// this copy, so images of earlier messages keep theirs, and with it their place in the KV cache.
class ImageSource {
 public:
  static ImageSource from_file(std::string path) { return ImageSource(Source{std::move(path)}); }
  static ImageSource from_bytes(std::vector<std::byte> bytes, std::string name = "image") {
    return ImageSource(Source{Encoded{std::move(bytes), std::move(name)}});
  }
  static ImageSource from_pixels(Image image) { return ImageSource(Source{std::move(image)}); }

  /// The pixels; those that were given are not checked. Throws FileError and LimitError as load_image() does.
  Image decode(const ImageOptions& options) const {
    if (const auto* path = std::get_if<std::string>(source_.get())) return load_image(*path, options);
    if (const auto* encoded = std::get_if<Encoded>(source_.get())) {
      return decode_image(encoded->bytes, options, encoded->name);
    }
    return std::get<Image>(*source_);
  }

  /// Upright size from the header, without decoding pixels. Throws FileError, and LimitError as decode() for images
  /// with more pixels than options.max_pixels.
  ImageInfo info(const ImageOptions& options) const {
    ImageInfo info;
    std::string name = "image";
    if (const auto* path = std::get_if<std::string>(source_.get())) {
      name = *path;
      info = probe_image(MappedFile::open(*path)->bytes(), name);
    } else if (const auto* encoded = std::get_if<Encoded>(source_.get())) {
      name = encoded->name;
      info = probe_image(encoded->bytes, name);
    } else {
      const Image& pixels = std::get<Image>(*source_);
      info.width = pixels.original_width > 0 ? pixels.original_width : pixels.width;
      info.height = pixels.original_height > 0 ? pixels.original_height : pixels.height;
      return info;
    }
    detail::check_pixels(name, static_cast<std::uint64_t>(info.width), static_cast<std::uint64_t>(info.height),
                         options);
    return info;
  }

  const std::optional<std::uint64_t>& max_pixels() const noexcept { return max_pixels_; }
  void set_max_pixels(std::optional<std::uint64_t> pixels) noexcept { max_pixels_ = pixels; }

  /// What the description of an image depends on, beside the image: how it is decoded, and what the model makes of it.
  struct Terms {
    AlphaPolicy alpha = AlphaPolicy::Composite;
    std::array<std::uint8_t, 3> background = {};
    DecodeHint hint;
    bool strict = false;
    PixelLimits limits;
    PatchLayout layout;
    friend bool operator==(const Terms&, const Terms&) = default;
  };
  /// Cache key and token grid of the image under given terms. Saves decoding it again in later turns.
  struct Description {
    ContentKey key;
    std::size_t grid_h = 0;  ///< in tokens
    std::size_t grid_w = 0;
    Terms terms;
  };
  /// The last description; of use only under equal terms.
  const std::optional<Description>& description() const noexcept { return description_; }
  void set_description(const Description& d) { description_ = d; }

 private:
  struct Encoded {
    std::vector<std::byte> bytes;
    std::string name;
  };
  using Source = std::variant<std::string, Encoded, Image>;
  explicit ImageSource(Source source) : source_(std::make_shared<const Source>(std::move(source))) {}

  std::shared_ptr<const Source> source_;
  std::optional<Description> description_;
  std::optional<std::uint64_t> max_pixels_;
};

/// Frames sampled from a video, all of one size, and the time of each in seconds.
struct Video {
  std::vector<ImageSource> frames;
  std::vector<double> seconds;
  std::optional<std::uint64_t> max_pixels = {};  ///< own bound of all frames together, as ImageSource::max_pixels()
};

/// A part of a message: text, an image or a video.
using Part = std::variant<std::string, ImageSource, Video>;

/// An image from a file.
inline ImageSource image(const std::filesystem::path& path) {
  return ImageSource::from_file(path.string());
}
/// An image from the bytes of an image file (JPEG, PNG, WebP, GIF or BMP).
inline ImageSource image(std::vector<std::byte> bytes) {
  return ImageSource::from_bytes(std::move(bytes));
}
/// An image from pixels.
inline ImageSource image(Image pixels) {
  return ImageSource::from_pixels(std::move(pixels));
}

/// A video from frames taken at a constant `fps` frames per second. Throws InputError unless 0 < fps < 1e6.
inline Video video(std::vector<ImageSource> frames, double fps) {
  if (!(fps > 0.0 && fps < 1e6)) throw InputError("frames per second must be positive", {{}, {}, "fps", {}, {}});
  Video v{std::move(frames), {}, {}};
  for (std::size_t i = 0; i < v.frames.size(); ++i) v.seconds.push_back(static_cast<double>(i) / fps);
  return v;
}

VLMT_END_NAMESPACE
