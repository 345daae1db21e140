// JPEG decoding with libjpeg(-turbo): RGB, grey and CMYK; at reduced size if the caller shrinks the image anyway.
#pragma once

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <jpeglib.h>
// jerror.h needs jpeglib.h before it.
#include <jerror.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/orientation.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// libjpeg with errors as return values. A failed libjpeg call returns by longjmp, which skips destructors: functions
/// with a setjmp must not hold objects that have one.
class JpegDecoder {
 public:
  explicit JpegDecoder(std::span<const std::byte> file, const StopFlag* stop = nullptr) : file_(file), stop_(stop) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* self = static_cast<JpegDecoder*>(info->client_data);
      info->err->format_message(info, self->message_);
      std::longjmp(self->jump_, 1);
    };
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level >= 0) return;  // a trace message
      switch (info->err->msg_code) {
        // Harmless warnings. All others mean lost data, so they are errors: the file is truncated or damaged.
        case JWRN_EXTRANEOUS_DATA:
        case JWRN_JFIF_MAJOR:
        case JWRN_ADOBE_XFORM:
        case JWRN_BOGUS_PROGRESSION:
        case JWRN_TOO_MUCH_DATA:
          break;
        default:
          info->err->error_exit(info);
      }
    };
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = [](j_common_ptr info) {
      auto* self = static_cast<JpegDecoder*>(info->client_data);
      if (self->stop_ != nullptr && self->stop_->is_set()) {
        self->stopped_ = true;
        std::longjmp(self->jump_, 1);
      }
      // A file of a few KB can hold thousands of scans over a large image, hours of work.
      if (self->info_.input_scan_number > max_scans) {
        std::snprintf(self->message_, sizeof self->message_, "more than %d scans", max_scans);
        std::longjmp(self->jump_, 1);
      }
    };
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() {
    if (created_) jpeg_destroy_decompress(&info_);
  }

  /// False, with message() set, if the header is bad.
  bool read_header() noexcept {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_decompress(&info_);
    created_ = true;
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file_.data()),
                 static_cast<unsigned long>(file_.size()));
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  /// Starts decoding at eighths/8 of the size. False, with message() set, if the file is bad.
  bool start(unsigned eighths) noexcept {
    if (setjmp(jump_) != 0) return false;
    info_.scale_num = eighths;
    info_.scale_denom = 8;
    info_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    return true;
  }

  /// Decodes all rows to rgb (out_height, out_width, 3). For a CMYK file, `row` has space for (out_width, 4).
  bool read_rows(std::uint8_t* rgb, std::uint8_t* row) noexcept {
    if (setjmp(jump_) != 0) return false;
    while (info_.output_scanline < info_.output_height) {
      std::uint8_t* out = rgb + std::size_t{3} * info_.output_width * info_.output_scanline;
      JSAMPROW target = is_cmyk() ? row : out;
      jpeg_read_scanlines(&info_, &target, 1);
      if (is_cmyk()) cmyk_to_rgb(row, info_.output_width, out);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  bool is_cmyk() const noexcept { return info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK; }
  bool is_supported() const noexcept { return is_cmyk() || info_.num_components == 1 || info_.num_components == 3; }
  unsigned width() const noexcept { return info_.image_width; }
  unsigned height() const noexcept { return info_.image_height; }
  unsigned out_width() const noexcept { return info_.output_width; }
  unsigned out_height() const noexcept { return info_.output_height; }
  const char* message() const noexcept { return message_; }
  /// True if a call failed because the flag was set.
  bool stopped() const noexcept { return stopped_; }

  /// Bytes of libjpeg's coefficient buffer: the whole image if it has several scans, else 0.
  std::uint64_t coefficient_bytes() noexcept {
    if (jpeg_has_multiple_scans(&info_) == 0) return 0;
    std::uint64_t bytes = 0;
    for (int i = 0; i < info_.num_components; ++i) {
      const jpeg_component_info& c = info_.comp_info[i];
      bytes += std::uint64_t{c.width_in_blocks} * c.height_in_blocks * sizeof(JBLOCK);
    }
    return bytes;
  }

 private:
  static constexpr int max_scans = 100;

  /// Adobe stores CMYK inverted. Files without Adobe's marker are treated alike, as in Pillow.
  static void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t n, std::uint8_t* rgb) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
      const unsigned k = cmyk[4 * i + 3];
      for (std::size_t c = 0; c < 3; ++c) {
        const unsigned t = (255u - cmyk[4 * i + c]) * k + 128u;
        rgb[3 * i + c] = static_cast<std::uint8_t>(k - (((t >> 8) + t) >> 8));  // k - ink * k / 255, rounded
      }
    }
  }

  std::span<const std::byte> file_;
  const StopFlag* stop_;
  bool stopped_ = false;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = {};
  bool created_ = false;
};

/// Eighths of its size at which an image is decoded; see DecodeHint. 8 without a target.
inline unsigned jpeg_eighths(unsigned width, unsigned height, std::uint64_t target_width, std::uint64_t target_height) {
  if (target_width == 0 || target_height == 0) return 8;
  const auto side = [](unsigned full, unsigned eighths) { return (std::uint64_t{full} * eighths + 7) / 8; };
  const auto covers = [&](unsigned eighths, unsigned times) {
    return side(width, eighths) >= times * target_width && side(height, eighths) >= times * target_height;
  };
  for (const unsigned eighths : {1u, 2u, 4u}) {
    if (covers(eighths, 2)) return eighths;
  }
  constexpr std::uint64_t roomy = std::uint64_t{96} << 20;
  unsigned eighths = 8;
  while (eighths > 1 && 3 * side(width, eighths) * side(height, eighths) > roomy && covers(eighths - 1, 1)) --eighths;
  return eighths;
}

inline ImageInfo probe_jpeg(std::span<const std::byte> file, const std::string& name) {
  JpegDecoder jpeg(file);
  if (!jpeg.read_header()) bad_image(name, "is not a readable JPEG", jpeg.message());
  ImageInfo info{ImageFormat::Jpeg, static_cast<int>(jpeg.width()), static_cast<int>(jpeg.height()),
                 exif_orientation(find_jpeg_exif(file))};
  if (orientation_transposes(info.orientation)) std::swap(info.width, info.height);
  return info;
}

/// Decodes as stored: the caller applies the orientation, also to original_width and original_height.
inline Image decode_jpeg(std::span<const std::byte> file, const ImageOptions& options, int orientation,
                         const std::string& name) {
  JpegDecoder jpeg(file, options.stop_flag);
  const auto damaged = [&] {
    if (jpeg.stopped()) throw Cancelled();
    bad_image(name, "is a damaged JPEG", jpeg.message());
  };
  if (!jpeg.read_header()) bad_image(name, "is not a readable JPEG", jpeg.message());
  if (!jpeg.is_supported()) bad_image(name, "is a JPEG with an unsupported colour space");
  const unsigned width = jpeg.width();
  const unsigned height = jpeg.height();
  check_pixels(name, width, height, options);
  auto target_width = static_cast<std::uint64_t>(std::max(options.hint.target_width, 0));
  auto target_height = static_cast<std::uint64_t>(std::max(options.hint.target_height, 0));
  if (orientation_transposes(orientation)) std::swap(target_width, target_height);
  if (target_width == 0 && target_height == 0 && options.hint.target_pixels > 0) {
    const double scale = std::sqrt(static_cast<double>(options.hint.target_pixels) /
                                   (static_cast<double>(width) * static_cast<double>(height)));
    // 32 more: rounding the sides to multiples of 32, as smart_resize() does, may exceed the exact size by that much.
    target_width = static_cast<std::uint64_t>(std::ceil(scale * width)) + 32;
    target_height = static_cast<std::uint64_t>(std::ceil(scale * height)) + 32;
  }
  const unsigned eighths = jpeg_eighths(width, height, target_width, target_height);
  const std::uint64_t bytes = std::uint64_t{3} * ((width * eighths + 7) / 8) * ((height * eighths + 7) / 8);
  check_memory(name, jpeg.coefficient_bytes() + (orientation_transposes(orientation) ? 2 : 1) * bytes, options);
  if (!jpeg.start(eighths)) damaged();
  Image image;
  image.width = static_cast<int>(jpeg.out_width());
  image.height = static_cast<int>(jpeg.out_height());
  image.original_width = static_cast<int>(width);
  image.original_height = static_cast<int>(height);
  image.rgb.resize(std::size_t{3} * jpeg.out_width() * jpeg.out_height());
  std::vector<std::uint8_t> row(jpeg.is_cmyk() ? std::size_t{4} * jpeg.out_width() : 0);
  if (!jpeg.read_rows(image.rgb.data(), row.data())) damaged();
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
