// PNG decoding with libpng: all colour types and bit depths, interlaced or not.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <png.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/io/orientation.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Composites n RGBA pixels on white into rgb (n, 3), rounded as Pillow's paste does.
inline void composite_on_white(const std::uint8_t* rgba, std::size_t n, std::uint8_t* rgb) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const unsigned alpha = rgba[4 * i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned t = rgba[4 * i + c] * alpha + 255u * (255u - alpha) + 128u;
      rgb[3 * i + c] = static_cast<std::uint8_t>(((t >> 8) + t) >> 8);
    }
  }
}

/// libpng with errors as return values. As in JpegDecoder, functions with a setjmp must not hold objects with a
/// destructor.
class PngDecoder {
 public:
  explicit PngDecoder(std::span<const std::byte> file, const StopFlag* stop = nullptr) : file_(file), stop_(stop) {}
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() {
    if (png_ != nullptr) png_destroy_read_struct(&png_, &info_, nullptr);
  }

  /// Reads the header and sets up 8-bit RGB rows, or RGBA if keep_alpha is set and the image has transparency.
  bool start(bool keep_alpha) noexcept {
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
    png_set_read_fn(png_, this, on_read);
    png_read_info(png_, info_);
    const int colour = png_get_color_type(png_, info_);
    const bool transparent = (colour & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
    png_set_expand(png_);    // palette to RGB, grey to 8 bits, tRNS to alpha
    png_set_strip_16(png_);  // 16 bits: the high byte
    if ((colour & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png_);
    if (transparent && !keep_alpha) png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    channels_ = png_get_channels(png_, info_);
    if (channels_ != 3 && channels_ != 4) png_error(png_, "unknown colour type");
    return true;
  }

  /// Decodes all rows to rgb (height, width, 3); `rgba` has space for (rgba_rows(height), width, 4).
  bool read_rows(std::uint8_t* rgb, std::uint8_t* rgba, std::size_t width, std::size_t height) noexcept {
    if (setjmp(jump_) != 0) return false;
    for (int pass = 0; pass < passes_; ++pass) {
      for (std::size_t y = 0; y < height; ++y) {
        if (stop_ != nullptr && stop_->is_set()) {
          stopped_ = true;
          return false;
        }
        if (channels_ == 3) {
          png_read_row(png_, rgb + 3 * width * y, nullptr);
          continue;
        }
        std::uint8_t* row = rgba + (passes_ > 1 ? 4 * width * y : 0);
        png_read_row(png_, row, nullptr);
        if (pass + 1 == passes_) composite_on_white(row, width, rgb + 3 * width * y);
      }
    }
    png_read_end(png_, nullptr);
    return true;
  }

  /// RGBA rows that read_rows needs: none for RGB, all for an interlaced image (each pass refines it), else one.
  std::size_t rgba_rows(std::size_t height) const noexcept { return channels_ == 3 ? 0 : passes_ > 1 ? height : 1; }
  const char* message() const noexcept { return message_; }
  /// True if read_rows() failed because the flag was set.
  bool stopped() const noexcept { return stopped_; }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngDecoder*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof self->message_, "%s", text);
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, std::size_t n) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (n > self->file_.size() - self->at_) png_error(png, "the file ends early");
    std::memcpy(out, self->file_.data() + self->at_, n);
    self->at_ += n;
  }

  std::span<const std::byte> file_;
  const StopFlag* stop_;
  bool stopped_ = false;
  std::size_t at_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  unsigned channels_ = 0;
  std::jmp_buf jump_{};
  char message_[200] = {};
};

/// Upright size and orientation, from the IHDR and eXIf chunks alone.
inline ImageInfo probe_png(std::span<const std::byte> file, const std::string& name) {
  if (file.size() < 33 || !has_text(file, 12, "IHDR")) bad_image(name, "is not a readable PNG", "no header chunk");
  const std::uint32_t width = big_endian(file, 16, 4);
  const std::uint32_t height = big_endian(file, 20, 4);
  constexpr std::uint32_t most = 0x7fffffff;
  if (width == 0 || height == 0 || width > most || height > most) {
    bad_image(name, "is not a readable PNG",
              "an image of " + std::to_string(width) + " x " + std::to_string(height) + " pixels");
  }
  ImageInfo info{ImageFormat::Png, static_cast<int>(width), static_cast<int>(height),
                 exif_orientation(find_png_exif(file))};
  if (orientation_transposes(info.orientation)) std::swap(info.width, info.height);
  return info;
}

inline Image decode_png(std::span<const std::byte> file, const ImageOptions& options, int orientation,
                        const std::string& name) {
  const ImageInfo info = probe_png(file, name);
  Image image;
  image.width = orientation_transposes(orientation) ? info.height : info.width;
  image.height = orientation_transposes(orientation) ? info.width : info.height;
  image.original_width = image.width;
  image.original_height = image.height;
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  check_pixels(name, width, height, options);
  // 32 * width: libpng holds a few rows of up to 8 bytes per pixel. A transposed copy doubles the image.
  check_memory(name, (orientation_transposes(orientation) ? 6 : 3) * width * height + 32 * width, options);
  PngDecoder png(file, options.stop_flag);
  if (!png.start(options.alpha == AlphaPolicy::White)) bad_image(name, "is not a readable PNG", png.message());
  check_memory(name, 3 * width * height + 4 * width * png.rgba_rows(height) + 32 * width, options);
  image.rgb.resize(3 * width * height);
  std::vector<std::uint8_t> rgba(4 * width * png.rgba_rows(height));
  if (!png.read_rows(image.rgb.data(), rgba.data(), width, height)) {
    if (png.stopped()) throw Cancelled();
    bad_image(name, "is a damaged PNG", png.message());
  }
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
