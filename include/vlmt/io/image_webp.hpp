// WebP decoding with libwebp: lossy and lossless, with and without alpha, and the first frame of animations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <webp/decode.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/composite.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/webp_chunks.hpp"

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

/// The image of a WebP file, or its first frame, and its place on the canvas.
struct WebpImage {
  WebpChunks chunks;
  WebPBitstreamFeatures features = {};  ///< of the image
  std::size_t x = 0, y = 0;             ///< place of the image
  std::size_t width = 0, height = 0;    ///< of the canvas

  /// What libwebp decodes.
  const std::uint8_t* bytes() const noexcept { return reinterpret_cast<const std::uint8_t*>(chunks.image.data()); }
  std::size_t byte_count() const noexcept { return chunks.image.size(); }
};

inline WebpImage read_webp(std::span<const std::byte> file, const std::string& name) {
  const auto fail = [&](const char* why) { bad_image(name, "is not a readable WebP", why); };
  if (file.size() < 12) fail("the file ends early");
  WebpImage webp;
  webp.chunks = read_webp_chunks(file);
  const WebpChunks& c = webp.chunks;
  if (c.image.empty()) fail(c.damage.empty() ? "no image in it" : "the file ends early");
  const VP8StatusCode status = WebPGetFeatures(webp.bytes(), webp.byte_count(), &webp.features);
  if (status != VP8_STATUS_OK) fail(webp_reason(status));
  const auto image_width = static_cast<std::size_t>(webp.features.width);
  const auto image_height = static_cast<std::size_t>(webp.features.height);
  webp.width = image_width;
  webp.height = image_height;
  if (c.header.size() >= 10) {
    webp.width = std::size_t{little_endian(c.header, 4, 3)} + 1;
    webp.height = std::size_t{little_endian(c.header, 7, 3)} + 1;
  }
  if (!c.frame.empty()) {
    webp.x = std::size_t{2} * little_endian(c.frame, 0, 3);
    webp.y = std::size_t{2} * little_endian(c.frame, 3, 3);
    if (std::size_t{little_endian(c.frame, 6, 3)} + 1 != image_width ||
        std::size_t{little_endian(c.frame, 9, 3)} + 1 != image_height) {
      fail("the frame does not have the size that its header says");
    }
    if (webp.x + image_width > webp.width || webp.y + image_height > webp.height) {
      fail("the frame does not fit the canvas");
    }
  } else if (webp.width != image_width || webp.height != image_height) {
    fail("the image does not have the size that the file's header says");
  }
  return webp;
}

inline ImageInfo webp_info(const WebpImage& webp) {
  ImageInfo info{ImageFormat::WebP, static_cast<int>(webp.width), static_cast<int>(webp.height),
                 webp_orientation(webp.chunks)};
  if (orientation_transposes(info.orientation)) std::swap(info.width, info.height);
  return info;
}

inline ImageInfo probe_webp(std::span<const std::byte> file, const std::string& name) {
  return webp_info(read_webp(file, name));
}

/// Decodes an image piece by piece, so that `stop` can end it. `rows`: number of rows at the top that are decoded.
/// Throws Cancelled.
inline VP8StatusCode decode_webp_pieces(const WebpImage& webp, WebPDecoderConfig& config, const StopFlag* stop,
                                        int& rows) {
  constexpr std::size_t piece = std::size_t{64} << 10;
  const std::unique_ptr<WebPIDecoder, decltype(&WebPIDelete)> decoder(WebPIDecode(nullptr, 0, &config), &WebPIDelete);
  rows = 0;
  if (!decoder) return VP8_STATUS_OUT_OF_MEMORY;
  VP8StatusCode status = VP8_STATUS_SUSPENDED;
  for (std::size_t end = 0; status == VP8_STATUS_SUSPENDED && end < webp.byte_count();) {
    throw_if_set(stop);
    end = webp.byte_count() - end < piece ? webp.byte_count() : end + piece;
    status = WebPIUpdate(decoder.get(), webp.bytes(), end);
  }
  if (WebPIDecGetRGB(decoder.get(), &rows, nullptr, nullptr, nullptr) == nullptr) rows = 0;
  return status;
}

/// Decodes as stored: the caller applies the orientation.
inline Image decode_webp(std::span<const std::byte> file, const ImageOptions& options, const ImageInfo& info,
                         const std::string& name, ImageNotes& notes) {
  const WebpImage webp = read_webp(file, name);
  Image image;
  image.width = image.original_width = static_cast<int>(webp.width);
  image.height = image.original_height = static_cast<int>(webp.height);
  const auto width = static_cast<std::size_t>(webp.features.width);
  const auto height = static_cast<std::size_t>(webp.features.height);
  const bool alpha = webp.features.has_alpha != 0;
  const bool whole = width == webp.width && height == webp.height;
  const std::size_t pixel = alpha ? 4 : 3;
  // libwebp decodes lossless data to 4 bytes per pixel. Then the pixels, and the image or its transposed copy.
  const bool copies = alpha || !whole || orientation_transposes(info.orientation);
  check_memory(name, (4 + pixel) * width * height + (copies ? 3 * webp.width * webp.height : 0), options);
  std::vector<std::uint8_t> pixels(pixel * width * height);
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0)
    bad_image(name, "cannot be decoded", "another version of libwebp is installed");
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels.data();
  config.output.u.RGBA.stride = static_cast<int>(pixel * width);
  config.output.u.RGBA.size = pixels.size();
  int rows = 0;
  const VP8StatusCode status = decode_webp_pieces(webp, config, options.stop_flag, rows);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) {
    const char* why = webp_reason(webp.chunks.image_is_cut ? VP8_STATUS_NOT_ENOUGH_DATA : status);
    bad_image(name, "is a damaged WebP", why + (": " + rows_there(static_cast<std::uint64_t>(rows), height)));
  }
  const Compositor compositor(options);
  if (alpha) {
    for (std::size_t y = 0; y < height; ++y) {
      throw_if_set(options.stop_flag);
      compositor.rgba8(pixels.data() + 4 * width * y, width, pixels.data() + 3 * width * y);
    }
    pixels.resize(3 * width * height);
  }
  if (whole) {
    image.rgb = std::move(pixels);
  } else {
    image.rgb.resize(3 * webp.width * webp.height);
    const auto nothing = compositor.nothing();
    for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = nothing[i % 3];
    for (std::size_t y = 0; y < height; ++y) {
      std::memcpy(image.rgb.data() + 3 * ((webp.y + y) * webp.width + webp.x), pixels.data() + 3 * width * y,
                  3 * width);
    }
  }
  if (!webp.chunks.damage.empty()) notes.damage.push_back(webp.chunks.damage);
  if (webp.chunks.frames > 1) notes.remarks.push_back(first_frame_of(webp.chunks.frames));
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
