// PNG decoding with libpng: all colour types and bit depths, interlaced or not. Of an animation (APNG) the image that
// programs without animation show.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <png.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/composite.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/png_chunks.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// libpng with errors as return values. As in JpegDecoder, functions with a setjmp must not hold objects with a
/// destructor. Checksums of chunks are not compared: see check_png().
class PngDecoder {
 public:
  /// cut_chunk: offset of a chunk that is longer than the file; it is read as far as it is there.
  PngDecoder(std::span<const std::byte> file, std::size_t cut_chunk, const Compositor& compositor,
             const StopFlag* stop = nullptr)
      : file_(file), cut_chunk_(cut_chunk), compositor_(compositor), stop_(stop) {}
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() {
    if (png_ != nullptr) png_destroy_read_struct(&png_, &info_, nullptr);
  }

  /// Reads the header and sets up rows of 8-bit RGB. check_sum: compare the checksum of all image data.
  bool start(bool check_sum) noexcept {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      std::snprintf(message_, sizeof message_, "libpng cannot be initialised");
      return false;
    }
    if (setjmp(jump_) != 0) return false;
    // Lifts libpng's limit of a million pixels per side: the caller has checked width * height.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    // Skips all chunks but IHDR, PLTE, tRNS, IDAT and IEND: libpng would allocate the length that a chunk claims.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    if (!check_sum) png_set_option(png_, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
    png_set_read_fn(png_, this, on_read);
    png_read_info(png_, info_);
    png_set_expand(png_);  // palette to RGB, grey to 8 bits, tRNS to alpha
    if ((png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png_);
    png_set_read_user_transform_fn(png_, on_row);
    png_set_user_transform_info(png_, this, 8, 3);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    const png_uint_32 width = png_get_image_width(png_, info_), height = png_get_image_height(png_, info_);
    if (png_get_rowbytes(png_, info_) != std::size_t{3} * width) png_error(png_, "unknown colour type");
    rows_wanted_ = height;
    if (passes_ > 1) {
      rows_wanted_ = 0;
      for (int pass = 0; pass < passes_; ++pass) {
        if (PNG_PASS_COLS(width, pass) != 0) rows_wanted_ += PNG_PASS_ROWS(height, pass);
      }
    }
    return true;
  }

  /// Decodes all rows to rgb (height, width, 3). False, with message(), if it stopped with an error, which may be one
  /// after the last pixel (see is_complete()), or if stopped().
  bool read_rows(std::uint8_t* rgb, std::size_t width, std::size_t height) noexcept {
    if (setjmp(jump_) != 0) return false;
    for (int pass = 0; pass < passes_; ++pass) {
      for (std::size_t y = 0; y < height; ++y) {
        if (stop_ != nullptr && stop_->is_set()) {
          stopped_ = true;
          return false;
        }
        png_read_row(png_, rgb + 3 * width * y, nullptr);
      }
    }
    return true;
  }

  /// True if all pixels are decoded.
  bool is_complete() const noexcept { return rows_ == rows_wanted_; }
  /// Rows decoded from the top; 0 for an interlaced image whose last pass has not begun.
  std::uint64_t rows(std::uint64_t height) const noexcept {
    if (passes_ == 1) return rows_;
    // The last pass is every second row, from the second.
    const std::uint64_t missing = rows_wanted_ - rows_, last_pass = height / 2;
    return missing > last_pass ? 0 : 2 * (last_pass - missing) + 1;
  }
  const char* message() const noexcept { return message_; }
  /// True if read_rows() ended because the flag was set.
  bool stopped() const noexcept { return stopped_; }
  /// The first warning; empty if there is none.
  const char* warning() const noexcept { return warning_; }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngDecoder*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof self->message_, "%s", text);
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngDecoder*>(png_get_error_ptr(png));
    if (self->warning_[0] == 0) std::snprintf(self->warning_, sizeof self->warning_, "%s", text);
  }
  static void on_read(png_structp png, png_bytep out, std::size_t n) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (n > self->file_.size() - self->at_) png_error(png, "the file ends early");
    std::memcpy(out, self->file_.data() + self->at_, n);
    if (self->at_ == self->cut_chunk_ && n == 8) {  // length and name: libpng would not inflate a part of the data
      const std::size_t there =
          std::min<std::size_t>(big_endian(self->file_, self->at_, 4), self->file_.size() - self->at_ - 8);
      for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<png_byte>(there >> (24 - 8 * i));
    }
    self->at_ += n;
  }
  /// Called for each row of each pass, before libpng spreads an interlaced row over the image: so no pass needs a
  /// buffer with alpha, and rows that are complete are counted even if libpng fails after them.
  static void on_row(png_structp png, png_row_infop row, png_bytep data) {
    auto* self = static_cast<PngDecoder*>(png_get_user_transform_ptr(png));
    const std::size_t n = row->width;
    const bool wide = row->bit_depth == 16;
    if (row->channels == 4) {
      wide ? self->compositor_.rgba16(data, n, data) : self->compositor_.rgba8(data, n, data);
    } else if (wide) {
      for (std::size_t i = 0; i < 3 * n; ++i) data[i] = data[2 * i];  // the high byte
    }
    ++self->rows_;
  }

  std::span<const std::byte> file_;
  std::size_t cut_chunk_;
  const Compositor& compositor_;
  const StopFlag* stop_;
  bool stopped_ = false;
  std::size_t at_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  std::uint64_t rows_ = 0;
  std::uint64_t rows_wanted_ = 0;
  std::jmp_buf jump_{};
  char message_[200] = {};
  char warning_[200] = {};
};

/// What the chunks of a PNG say about its state.
struct PngState {
  bool data_is_sound = true;  ///< the checksums of all image data are right
  std::string damage;         ///< of chunks that leave all pixels readable
  std::size_t frames = 0;     ///< of an animation
  std::size_t end = 0;        ///< offset after the last complete chunk
};

/// Compares the checksums of all chunks. Throws FileError if that of the header or the palette is wrong.
inline PngState check_png(std::span<const std::byte> file, const std::string& name) {
  PngState state;
  bool ended = false;
  state.end = for_each_png_chunk(file, [&](const PngChunk& chunk) {
    ended = chunk.is("IEND");
    if (chunk.is("fcTL")) ++state.frames;
    if (is_sound(chunk)) return;
    if (chunk.is("IDAT")) {
      state.data_is_sound = false;
    } else if (chunk.is("IHDR") || chunk.is("PLTE")) {
      bad_image(name, "is a damaged PNG", "the checksum of its " + std::string(chunk.name) + " chunk is wrong");
    } else if (state.damage.empty()) {
      state.damage = "the checksum of a chunk that is no image data is wrong";
    }
  });
  if (state.damage.empty() && !ended) state.damage = "the end of the file is missing";
  if (state.damage.empty() && state.end < file.size()) state.damage = bytes_after_end(file.size() - state.end);
  return state;
}

/// Upright size and orientation, from the header and metadata chunks alone.
inline ImageInfo probe_png(std::span<const std::byte> file, const std::string& name) {
  if (file.size() < 33 || !has_text(file, 12, "IHDR")) bad_image(name, "is not a readable PNG", "no header chunk");
  const std::uint32_t width = big_endian(file, 16, 4);
  const std::uint32_t height = big_endian(file, 20, 4);
  constexpr std::uint32_t most = 0x7fffffff;
  if (width == 0 || height == 0 || width > most || height > most) {
    bad_image(name, "is not a readable PNG",
              "an image of " + std::to_string(width) + " x " + std::to_string(height) + " pixels");
  }
  ImageInfo info{ImageFormat::Png, static_cast<int>(width), static_cast<int>(height), png_orientation(file)};
  if (orientation_transposes(info.orientation)) std::swap(info.width, info.height);
  return info;
}

/// Decodes as stored: the caller applies the orientation.
inline Image decode_png(std::span<const std::byte> file, const ImageOptions& options, const ImageInfo& info,
                        const std::string& name, ImageNotes& notes) {
  const bool transposes = orientation_transposes(info.orientation);
  Image image;
  image.width = image.original_width = transposes ? info.height : info.width;
  image.height = image.original_height = transposes ? info.width : info.height;
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  // 32 * width: libpng holds a few rows of up to 8 bytes per pixel. A transposed copy doubles the image.
  check_memory(name, (transposes ? 6 : 3) * width * height + 32 * width, options);
  const PngState state = check_png(file, name);
  const Compositor compositor(options);
  image.rgb.resize(3 * width * height);
  // Image data has two checksums: one of each chunk, and one of all rows. One of them must be right.
  for (const bool check_sum : {true, false}) {
    PngDecoder png(file, state.end, compositor, options.stop_flag);
    if (!png.start(check_sum)) bad_image(name, "is not a readable PNG", png.message());
    const bool ended = png.read_rows(image.rgb.data(), width, height);
    if (png.stopped()) throw Cancelled();
    const std::string problem = ended ? png.warning() : png.message();
    if (!png.is_complete()) {
      if (check_sum && state.data_is_sound) continue;
      bad_image(name, "is a damaged PNG", problem + ": " + rows_there(png.rows(height), height));
    }
    if (!state.data_is_sound && !problem.empty()) {
      bad_image(name, "is a damaged PNG", "the checksums of the image data are wrong");
    }
    if (!ended) notes.damage.push_back("the end of the image data is damaged (" + problem + "), after the last pixel");
    if (ended && !problem.empty()) notes.damage.push_back(problem);
    if (!state.data_is_sound) notes.damage.emplace_back("the checksum of a chunk of image data is wrong");
    if (!check_sum) notes.damage.emplace_back("the checksum of the image data is wrong");
    break;
  }
  if (!state.damage.empty()) notes.damage.push_back(state.damage);
  if (state.frames > 1) notes.remarks.push_back(first_frame_of(state.frames));
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
