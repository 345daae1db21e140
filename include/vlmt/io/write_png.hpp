// Writes an image as a PNG file.
#pragma once

#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/io/image.hpp"
#if VLMT_HAS_BODIES
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>

#include <png.h>

#include "vlmt/base/error.hpp"
#include "vlmt/io/output_file.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// Writes a PNG file of 8-bit RGB; it gets its name once it is complete (see OutputFile). Throws FileError if it cannot
/// be written or `path` must not be replaced, InputError if the bytes of the image do not match its size.
void write_png(const Image& image, const std::string& path);

#if VLMT_HAS_BODIES

namespace detail {

/// libpng with errors as return values. As in PngDecoder, functions with a setjmp must not hold objects with a
/// destructor.
class PngEncoder {
 public:
  explicit PngEncoder(OutputFile& file) : file_(file) {}
  PngEncoder(const PngEncoder&) = delete;
  PngEncoder& operator=(const PngEncoder&) = delete;
  ~PngEncoder() {
    if (png_ != nullptr) png_destroy_write_struct(&png_, &info_);
  }

  /// False, with message() or the exception of the file, if something failed.
  bool write(const std::uint8_t* rgb, png_uint_32 width, png_uint_32 height) noexcept {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      std::snprintf(message_, sizeof message_, "libpng cannot be initialised");
      return false;
    }
    if (setjmp(jump_) != 0) return false;
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_write_fn(png_, this, on_write, on_flush);
    // The usual level 6 takes twice the time for files that are smaller by few percent.
    png_set_compression_level(png_, 4);
    png_set_IHDR(png_, info_, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    for (png_uint_32 y = 0; y < height; ++y) png_write_row(png_, rgb + std::size_t{3} * width * y);
    png_write_end(png_, info_);
    return true;
  }

  const char* message() const noexcept { return message_; }
  /// What writing to the file has thrown, if anything.
  const std::exception_ptr& thrown() const noexcept { return thrown_; }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngEncoder*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof self->message_, "%s", text);
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_write(png_structp png, png_bytep data, std::size_t n) {
    auto* self = static_cast<PngEncoder*>(png_get_io_ptr(png));
    if (!self->put(data, n)) png_error(png, "the file cannot be written");
  }
  static void on_flush(png_structp) {}

  // No exception may pass through libpng.
  bool put(const png_byte* data, std::size_t n) noexcept {
    try {
      file_.put(std::as_bytes(std::span(data, n)));
      return true;
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  OutputFile& file_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::exception_ptr thrown_;
  std::jmp_buf jump_{};
  char message_[200] = {};
};

}  // namespace detail

VLMT_BODY void write_png(const Image& image, const std::string& path) {
  const auto width = static_cast<std::size_t>(image.width), height = static_cast<std::size_t>(image.height);
  if (image.width < 1 || image.height < 1 || image.rgb.size() != 3 * width * height) {
    throw InputError("the bytes of the image do not match its size", {.field = "image"});
  }
  OutputFile file(path);
  detail::PngEncoder encoder(file);
  if (!encoder.write(image.rgb.data(), static_cast<png_uint_32>(width), static_cast<png_uint_32>(height))) {
    if (encoder.thrown()) std::rethrow_exception(encoder.thrown());
    throw FileError(std::string("cannot be written: ") + encoder.message(), {.file = path});
  }
  file.finish();
}

#endif

VLMT_END_NAMESPACE
