// WebP decoding with libwebp: lossy and lossless, with and without alpha. Animations are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <webp/decode.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/image_png.hpp"
#include "vlmt/io/orientation.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

inline const char* webp_reason(VP8StatusCode status) noexcept {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_BITSTREAM_ERROR:
      return "damaged data";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unsupported feature";
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return "the file ends early";
    default:
      return "unknown error";
  }
}

inline WebPBitstreamFeatures webp_features(std::span<const std::byte> file, const std::string& name) {
  const std::uint64_t riff = file.size() < 12 ? 0 : std::uint64_t{little_endian(file, 4, 4)} + 8;
  if (riff < 12 || riff > file.size()) bad_image(name, "is not a readable WebP", "the file ends early");
  WebPBitstreamFeatures features;
  const VP8StatusCode status =
      WebPGetFeatures(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), &features);
  if (status != VP8_STATUS_OK) bad_image(name, "is not a readable WebP", webp_reason(status));
  return features;
}

inline ImageInfo probe_webp(std::span<const std::byte> file, const std::string& name) {
  const WebPBitstreamFeatures features = webp_features(file, name);
  ImageInfo info{ImageFormat::WebP, features.width, features.height, exif_orientation(find_webp_exif(file))};
  if (orientation_transposes(info.orientation)) std::swap(info.width, info.height);
  return info;
}

/// Decodes a whole file piece by piece, so that `stop` can end it. Throws Cancelled.
inline VP8StatusCode decode_webp_pieces(std::span<const std::byte> file, WebPDecoderConfig& config,
                                        const StopFlag* stop) {
  constexpr std::size_t piece = std::size_t{64} << 10;
  const std::unique_ptr<WebPIDecoder, decltype(&WebPIDelete)> decoder(WebPIDecode(nullptr, 0, &config), &WebPIDelete);
  if (!decoder) return VP8_STATUS_OUT_OF_MEMORY;
  VP8StatusCode status = VP8_STATUS_SUSPENDED;
  for (std::size_t end = 0; status == VP8_STATUS_SUSPENDED && end < file.size();) {
    throw_if_set(stop);
    end = file.size() - end < piece ? file.size() : end + piece;
    status = WebPIUpdate(decoder.get(), reinterpret_cast<const std::uint8_t*>(file.data()), end);
  }
  return status;
}

inline Image decode_webp(std::span<const std::byte> file, const ImageOptions& options, int orientation,
                         const std::string& name) {
  const WebPBitstreamFeatures features = webp_features(file, name);
  if (features.has_animation != 0) bad_image(name, "is an animated WebP, which is not supported");
  Image image;
  image.width = image.original_width = features.width;
  image.height = image.original_height = features.height;
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  check_pixels(name, width, height, options);
  const bool composite = features.has_alpha != 0 && options.alpha == AlphaPolicy::White;
  const std::size_t pixel = composite ? 4 : 3;
  // 4: libwebp decodes lossless data to 4 bytes per pixel. 3: the image. Then RGBA to composite, or the upright copy.
  check_memory(name,
               (4 + 3 +
                (composite                             ? 4u
                 : orientation_transposes(orientation) ? 3u
                                                       : 0u)) *
                   width * height,
               options);
  std::vector<std::uint8_t> pixels(pixel * width * height);
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0)
    bad_image(name, "cannot be decoded", "another version of libwebp is installed");
  config.output.colorspace = composite ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels.data();
  config.output.u.RGBA.stride = static_cast<int>(pixel * width);
  config.output.u.RGBA.size = pixels.size();
  const VP8StatusCode status = decode_webp_pieces(file, config, options.stop_flag);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) bad_image(name, "is a damaged WebP", webp_reason(status));
  if (composite) {
    image.rgb.resize(3 * width * height);
    composite_on_white(pixels.data(), width * height, image.rgb.data());
  } else {
    image.rgb = std::move(pixels);
  }
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
