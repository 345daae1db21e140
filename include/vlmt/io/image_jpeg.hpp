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
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/jpeg_segments.hpp"
#include "vlmt/io/orientation.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// libjpeg with errors as return values. A failed libjpeg call returns by longjmp, which skips destructors: functions
/// with a setjmp must not hold objects that have one.
///
/// Files are read as far as libjpeg recovers them, with a warning, and as long as every row is there. What follows the
/// last pixel does not matter, so libjpeg is stopped there.
class JpegDecoder {
 public:
  explicit JpegDecoder(std::span<const std::byte> file, const StopFlag* stop = nullptr) : file_(file), stop_(stop) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* self = static_cast<JpegDecoder*>(info->client_data);
      // libjpeg makes up an end marker there and complains of it.
      if (self->file_ended_) self->fail("the file ends early, after %d scans", self->info_.input_scan_number);
      info->err->format_message(info, self->message_);
      std::longjmp(self->jump_, 1);
    };
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level < 0) static_cast<JpegDecoder*>(info->client_data)->on_warning();  // others are trace messages
    };
    errors_.output_message = [](j_common_ptr) {};
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
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file_.data()),
                 static_cast<unsigned long>(file_.size()));
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  /// Starts decoding at eighths/8 of the size. Reads all scans if there are several. False, with message() set, if the
  /// file is bad, or if stopped().
  bool start(unsigned eighths) noexcept {
    if (setjmp(jump_) != 0) return false;
    info_.scale_num = eighths;
    info_.scale_denom = 8;
    info_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
    info_.buffered_image = jpeg_has_multiple_scans(&info_);
    jpeg_start_decompress(&info_);
    if (info_.buffered_image == FALSE) return true;
    read_scans();
    jpeg_start_output(&info_, info_.input_scan_number);
    return true;
  }

  /// Offset of the end of the last scan if start() failed after scans that hold the whole image, else 0. The file up to
  /// there can be decoded. This decoder cannot go on: libjpeg checks a marker after it has stored what the marker says.
  std::size_t end_of_scans() const noexcept { return end_of_scans_; }

  /// Decodes all rows to rgb (out_height, out_width, 3). For a CMYK file, `row` has space for (out_width, 4).
  bool read_rows(std::uint8_t* rgb, std::uint8_t* row) noexcept {
    if (setjmp(jump_) != 0) return false;
    while (info_.output_scanline < info_.output_height) {
      check_stop();
      std::uint8_t* out = rgb + std::size_t{3} * info_.output_width * info_.output_scanline;
      JSAMPROW target = is_cmyk() ? row : out;
      jpeg_read_scanlines(&info_, &target, 1);
      if (is_cmyk()) cmyk_to_rgb(row, info_.output_width, out);
    }
    return true;
  }

  /// After all rows: looks for the end of the file, to tell of damage there.
  void read_end() noexcept {
    if (info_.buffered_image != FALSE) return;  // read_scans() was there
    if (setjmp(jump_) != 0) {
      has_end_ = false;
      return;
    }
    jpeg_finish_decompress(&info_);
    has_end_ = !file_ended_;
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
  /// The first warning and the number of all; empty and 0 if there is none.
  const char* warning() const noexcept { return warning_; }
  std::size_t warnings() const noexcept { return warnings_; }
  /// False if the end marker is missing or unreadable data is before it.
  bool has_end() const noexcept { return has_end_; }

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
  /// A file of a few KB can hold thousands of scans over a large image, hours of work.
  static constexpr int max_scans = 100;

  /// Reads all scans into libjpeg's coefficient buffer. Fails if a part of the image is missing.
  void read_scans() {
    for (int state = 0; state != JPEG_REACHED_EOI; state = jpeg_consume_input(&info_)) {
      check_stop();
      if (info_.input_scan_number > max_scans) {
        end_of_scans_ = 0;
        fail("more than %d scans", max_scans);
      }
      if (state == JPEG_SCAN_COMPLETED && has_all_coefficients()) {
        // libjpeg has read ahead, perhaps a marker.
        end_of_scans_ = file_.size() - info_.src->bytes_in_buffer - (info_.unread_marker != 0 ? 2 : 0);
      }
    }
    has_end_ = !file_ended_;
    if (!has_end_ && end_of_scans_ == 0) fail("the file ends early, after %d scans", info_.input_scan_number);
  }

  /// Fails if the flag is set.
  void check_stop() {
    if (stop_ == nullptr || !stop_->is_set()) return;
    stopped_ = true;
    std::longjmp(jump_, 1);
  }

  /// True if the scans so far hold every component to full precision.
  bool has_all_coefficients() const noexcept {
    for (int i = 0; i < info_.num_components; ++i) {
      // libjpeg keeps a component's table from the component's first scan on.
      if (info_.comp_info[i].quant_table == nullptr) return false;
      if (info_.progressive_mode == FALSE) continue;
      for (int k = 0; k < DCTSIZE2; ++k) {
        if (info_.coef_bits[i][k] != 0) return false;
      }
    }
    return true;
  }

  void on_warning() {
    switch (errors_.msg_code) {
      case JWRN_JFIF_MAJOR:  // a version number
        return;
      case JWRN_JPEG_EOF:  // after the last pixel it means that the end marker is missing
        file_ended_ = true;
        if (info_.arith_code != FALSE && info_.input_iMCU_row < info_.total_iMCU_rows) fail_early();
        return;
      case JWRN_HIT_MARKER:
        // The data of a scan ends at a marker. What is missing up to a restart marker is lost, but not more. The end of
        // the file or of the image is tolerated if libjpeg has begun the last rows, as after a bad code.
        if (file_ended_ || (is_end(info_.unread_marker) && info_.input_iMCU_row + 1 < info_.total_iMCU_rows)) {
          fail_early();
        }
        break;
      default:
        break;
    }
    if (warnings_++ == 0) errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), warning_);
  }

  /// True if libjpeg finds no more data of the scan after this marker.
  bool is_end(int marker) const noexcept {
    const bool restart = marker >= 0xd0 && marker <= 0xd7;
    const bool skipped = info_.restart_interval != 0 && marker < 0xc0;  // up to the next restart marker
    const bool next_scan = info_.buffered_image != FALSE && marker != 0xd9;
    return !restart && !skipped && !next_scan;
  }

  [[noreturn]] void fail_early() {
    const std::uint64_t rows = std::uint64_t{info_.input_iMCU_row} * static_cast<unsigned>(info_.max_v_samp_factor) * 8;
    const auto there = static_cast<int>(std::min<std::uint64_t>(rows, info_.image_height));
    fail("the image data ends early: %d of %d rows are there", there, static_cast<int>(info_.image_height));
  }

  template <class... Values>
  [[noreturn]] void fail(const char* format, Values... values) {
    std::snprintf(message_, sizeof message_, format, values...);
    std::longjmp(jump_, 1);
  }

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
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = {};
  char warning_[JMSG_LENGTH_MAX] = {};
  std::size_t warnings_ = 0;
  bool created_ = false;
  bool file_ended_ = false;  ///< libjpeg has read beyond the end of the file
  bool has_end_ = true;
  std::size_t end_of_scans_ = 0;
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
                 jpeg_orientation(file)};
  if (orientation_transposes(info.orientation)) std::swap(info.width, info.height);
  return info;
}

/// Decodes as stored: the caller applies the orientation, also to original_width and original_height.
inline Image decode_jpeg(std::span<const std::byte> file, const ImageOptions& options, const ImageInfo& info,
                         const std::string& name, ImageNotes& notes) {
  JpegDecoder jpeg(file, options.stop_flag);
  if (!jpeg.read_header()) bad_image(name, "is not a readable JPEG", jpeg.message());
  if (!jpeg.is_supported()) bad_image(name, "is a JPEG with an unsupported colour space");
  const unsigned width = jpeg.width();
  const unsigned height = jpeg.height();
  const bool transposes = orientation_transposes(info.orientation);
  auto target_width = static_cast<std::uint64_t>(std::max(options.hint.target_width, 0));
  auto target_height = static_cast<std::uint64_t>(std::max(options.hint.target_height, 0));
  if (transposes) std::swap(target_width, target_height);
  if (target_width == 0 && target_height == 0 && options.hint.target_pixels > 0) {
    const double scale = std::sqrt(static_cast<double>(options.hint.target_pixels) /
                                   (static_cast<double>(width) * static_cast<double>(height)));
    // 32 more: rounding the sides to multiples of 32, as smart_resize() does, may exceed the exact size by that much.
    target_width = static_cast<std::uint64_t>(std::ceil(scale * width)) + 32;
    target_height = static_cast<std::uint64_t>(std::ceil(scale * height)) + 32;
  }
  const unsigned eighths = jpeg_eighths(width, height, target_width, target_height);
  const std::uint64_t bytes = std::uint64_t{3} * ((width * eighths + 7) / 8) * ((height * eighths + 7) / 8);
  check_memory(name, jpeg.coefficient_bytes() + (transposes ? 2 : 1) * bytes, options);
  const auto damaged = [&] {
    if (jpeg.stopped()) throw Cancelled();
    bad_image(name, "is a damaged JPEG", jpeg.message());
  };
  if (!jpeg.start(eighths)) {
    // What follows the last scan is no part of the image: the end of the file is made there, with a note.
    const std::size_t end = jpeg.end_of_scans();
    if (!jpeg.stopped() && end != 0 && end < file.size()) {
      return decode_jpeg(file.first(end), options, info, name, notes);
    }
    damaged();
  }
  Image image;
  image.width = static_cast<int>(jpeg.out_width());
  image.height = static_cast<int>(jpeg.out_height());
  image.original_width = static_cast<int>(width);
  image.original_height = static_cast<int>(height);
  image.rgb.resize(std::size_t{3} * jpeg.out_width() * jpeg.out_height());
  std::vector<std::uint8_t> row(jpeg.is_cmyk() ? std::size_t{4} * jpeg.out_width() : 0);
  if (!jpeg.read_rows(image.rgb.data(), row.data())) damaged();
  jpeg.read_end();
  if (jpeg.warnings() != 0) {
    const std::size_t more = jpeg.warnings() - 1;
    notes.damage.push_back(jpeg.warning() + (more == 0 ? "" : " (and " + std::to_string(more) + " more warnings)"));
  }
  if (!jpeg.has_end()) notes.damage.emplace_back("the end of the file is missing or damaged, after the last pixel");
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
