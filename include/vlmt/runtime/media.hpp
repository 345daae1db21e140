// Pictures and videos in messages: where they come from, decoded when they are needed.
#pragma once

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
#include "vlmt/model/vision_features.hpp"

VLMT_BEGIN_NAMESPACE

/// A picture by path, as the bytes of a file, or as pixels. Cheap to copy. Its pixels are decoded when a session needs
/// them, and not kept.
class Picture {
 public:
  static Picture from_file(std::string path) { return Picture(Source{std::move(path)}); }
  static Picture from_bytes(std::vector<std::byte> bytes, std::string name = "picture") {
    return Picture(Source{Encoded{std::move(bytes), std::move(name)}});
  }
  static Picture from_pixels(Image image) { return Picture(Source{std::move(image)}); }

  /// The pixels. Throws FileError and LimitError as load_image.
  Image decode(const ImageOptions& options) const {
    if (const auto* path = std::get_if<std::string>(source_.get())) return load_image(*path, options);
    if (const auto* encoded = std::get_if<Encoded>(source_.get())) {
      return decode_image(encoded->bytes, options, encoded->name);
    }
    return std::get<Image>(*source_);
  }

  /// What a session found out about the picture at its limits, so that a later turn need not decode it again.
  struct Description {
    ContentKey key;
    std::size_t grid_h = 0;
    std::size_t grid_w = 0;
    std::uint64_t min_pixels = 0;
    std::uint64_t max_pixels = 0;
  };
  const std::optional<Description>& description() const noexcept { return description_; }
  void set_description(const Description& d) { description_ = d; }

 private:
  struct Encoded {
    std::vector<std::byte> bytes;
    std::string name;
  };
  using Source = std::variant<std::string, Encoded, Image>;
  explicit Picture(Source source) : source_(std::make_shared<const Source>(std::move(source))) {}

  std::shared_ptr<const Source> source_;
  std::optional<Description> description_;
};

/// Frames that have been sampled from a video, all of one size, and the second at which each was taken.
struct Video {
  std::vector<Picture> frames;
  std::vector<double> seconds;
};

/// A piece of a message: text, a picture or a video.
using Part = std::variant<std::string, Picture, Video>;

/// A picture from a file.
inline Picture image(const std::filesystem::path& path) {
  return Picture::from_file(path.string());
}
/// A picture from the bytes of a JPEG, PNG or WebP file.
inline Picture image(std::vector<std::byte> bytes) {
  return Picture::from_bytes(std::move(bytes));
}
/// A picture from pixels.
inline Picture image(Image pixels) {
  return Picture::from_pixels(std::move(pixels));
}

/// A video from frames that were taken evenly at `fps` frames a second.
inline Video video(std::vector<Picture> frames, double fps) {
  if (!(fps > 0.0 && fps < 1e6)) throw InputError("frames per second must be positive", {{}, {}, "fps", {}, {}});
  Video v{std::move(frames), {}};
  for (std::size_t i = 0; i < v.frames.size(); ++i) v.seconds.push_back(static_cast<double>(i) / fps);
  return v;
}

VLMT_END_NAMESPACE
