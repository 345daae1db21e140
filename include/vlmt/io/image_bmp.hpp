// BMP decoding: 1 to 32 bits per pixel, bit fields with alpha, run lengths, bottom-up or top-down.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/io/bmp_header.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/composite.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Pixels of a BMP, row by row or by run lengths, written to rgb (height, width, 3).
class BmpPixels {
 public:
  BmpPixels(std::span<const std::byte> file, const BmpHeader& header, const Compositor& compositor,
            const StopFlag* stop)
      : data_(file.subspan(std::min(header.pixels_at, file.size()))),
        header_(header),
        compositor_(compositor),
        stop_(stop) {}

  /// Rows that the file has; known before decoding unless they are runs.
  std::uint64_t rows_there() const noexcept {
    const std::uint64_t bytes = header_.row_bytes();
    if (header_.packing != BmpPacking::Rows) return header_.height;
    if (data_.size() < bytes) return 0;
    return std::min<std::uint64_t>((data_.size() - bytes) / header_.stride() + 1, header_.height);
  }

  /// Decodes to rgb (height, width, 3). Requires that rows_there() is the height. Returns the rows that are there; some
  /// are not if runs end early. Throws Cancelled.
  std::uint64_t decode(std::uint8_t* rgb) {
    rgb_ = rgb;
    if (header_.packing != BmpPacking::Rows) return decode_runs();
    decode_rows();
    return header_.height;
  }

  /// True if the file ends before the padding of the last row or the end mark of the runs.
  bool end_is_missing() const noexcept { return end_is_missing_; }

 private:
  std::uint8_t* row(std::uint64_t y) const noexcept {
    const std::uint64_t from_top = header_.top_down ? y : header_.height - 1 - y;
    return rgb_ + std::size_t{3} * header_.width * from_top;
  }

  void decode_rows() {
    const std::uint64_t stride = header_.stride(), bytes = header_.row_bytes();
    end_is_missing_ = data_.size() < stride * header_.height;
    const bool opaque = header_.bits >= 16 && is_opaque();
    for (std::uint64_t y = 0; y < header_.height; ++y) {
      throw_if_set(stop_);
      const std::span<const std::byte> in = data_.subspan(stride * y, bytes);
      std::uint8_t* out = row(y);
      if (header_.bits == 24) {
        for (std::size_t i = 0; i < std::size_t{3} * header_.width; ++i) {
          out[i] = std::to_integer<std::uint8_t>(in[i - i % 3 + 2 - i % 3]);  // blue, green, red
        }
      } else if (header_.bits > 8) {
        fields_to_rgb(in, opaque, out);
      } else {
        indices_to_rgb(in, out);
      }
    }
  }

  std::uint32_t pixel(std::span<const std::byte> in, std::size_t x) const noexcept {
    const std::size_t bytes = header_.bits / 8;
    return little_endian(in, bytes * x, bytes);
  }

  /// True if no pixel has alpha. Many programs leave the fourth byte 0: alpha that is 0 everywhere is none.
  bool is_opaque() const {
    const std::uint32_t mask = header_.fields[3].mask;
    if (mask == 0) return true;
    for (std::uint64_t y = 0; y < header_.height; ++y) {
      throw_if_set(stop_);
      const std::span<const std::byte> in = data_.subspan(header_.stride() * y, header_.row_bytes());
      for (std::size_t x = 0; x < header_.width; ++x) {
        if ((pixel(in, x) & mask) != 0) return false;
      }
    }
    return true;
  }

  void fields_to_rgb(std::span<const std::byte> in, bool opaque, std::uint8_t* out) const noexcept {
    for (std::size_t x = 0; x < header_.width; ++x) {
      const std::uint32_t p = pixel(in, x);
      std::uint8_t rgba[4] = {0, 0, 0, 255};
      for (std::size_t c = 0; c < (opaque ? 3 : 4); ++c) rgba[c] = header_.fields[c].of(p);
      compositor_.rgba8(rgba, 1, out + 3 * x);
    }
  }

  void indices_to_rgb(std::span<const std::byte> in, std::uint8_t* out) const noexcept {
    const unsigned bits = header_.bits, mask = (1u << bits) - 1;
    for (std::size_t x = 0; x < header_.width; ++x) {
      const std::size_t bit = x * bits;  // the first pixel is in the highest bits
      put(std::to_integer<unsigned>(in[bit / 8]) >> (8 - bits - bit % 8) & mask, out + 3 * x);
    }
  }

  void put(unsigned index, std::uint8_t* out) const noexcept { std::memcpy(out, header_.palette[index].data(), 3); }

  /// Runs of indices, from the bottom: (n, index) repeats, (0, n) with n > 2 is followed by n indices, (0, 0) ends a
  /// row, (0, 1) the image, (0, 2) moves right and up. Pixels without a run have index 0; what exceeds a row is
  /// dropped.
  std::uint64_t decode_runs() {
    for (std::uint64_t i = 0; i < header_.height; ++i) {
      throw_if_set(stop_);
      for (std::uint64_t k = 0; k < header_.width; ++k) put(0, row(i) + 3 * k);
    }
    const unsigned bits = header_.packing == BmpPacking::Rle8 ? 8 : 4;
    std::uint64_t x = 0, y = 0;
    std::size_t at = 0;
    const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(data_[i]); };
    const auto write = [&](unsigned index) {
      if (x < header_.width) put(index, row(y) + 3 * x);
      ++x;
    };
    // Index k of the ones packed from data_[from] on.
    const auto packed = [&](std::size_t from, unsigned k) {
      const unsigned value = byte(from + k * bits / 8);
      return bits == 8 ? value : k % 2 == 0 ? value >> 4 : value & 15;
    };
    while (y < header_.height && data_.size() - at >= 2) {
      throw_if_set(stop_);
      const unsigned n = byte(at), what = byte(at + 1);
      at += 2;
      if (n != 0) {
        for (unsigned k = 0; k < n; ++k) write(packed(at - 1, bits == 8 ? 0 : k % 2));
      } else if (what == 0) {
        x = 0;
        ++y;
      } else if (what == 1) {
        return header_.height;
      } else if (what == 2) {
        if (data_.size() - at < 2) break;
        x += byte(at);
        y += byte(at + 1);
        at += 2;
      } else {
        const std::size_t bytes = (std::size_t{what} * bits + 7) / 8, padded = bytes + bytes % 2;
        if (data_.size() - at < bytes) break;
        for (unsigned k = 0; k < what; ++k) write(packed(at, k));
        at += std::min(padded, data_.size() - at);
      }
    }
    if (y < header_.height && x >= header_.width) ++y;
    end_is_missing_ = data_.size() - at < 2 || byte(at) != 0 || byte(at + 1) != 1;
    return std::min<std::uint64_t>(y, header_.height);
  }

  std::span<const std::byte> data_;
  const BmpHeader& header_;
  const Compositor& compositor_;
  const StopFlag* stop_;
  std::uint8_t* rgb_ = nullptr;
  bool end_is_missing_ = false;
};

inline ImageInfo bmp_info(const BmpHeader& header) {
  return {ImageFormat::Bmp, static_cast<int>(header.width), static_cast<int>(header.height), 1};
}

inline ImageInfo probe_bmp(std::span<const std::byte> file, const std::string& name) {
  return bmp_info(read_bmp_header(file, name));
}

inline Image decode_bmp(std::span<const std::byte> file, const ImageOptions& options, const std::string& name,
                        ImageNotes& notes) {
  const BmpHeader header = read_bmp_header(file, name);
  Image image;
  image.width = image.original_width = static_cast<int>(header.width);
  image.height = image.original_height = static_cast<int>(header.height);
  const std::uint64_t bytes = std::uint64_t{3} * header.width * header.height;
  check_memory(name, bytes, options);
  const Compositor compositor(options);
  BmpPixels pixels(file, header, compositor, options.stop_flag);
  std::uint64_t rows = pixels.rows_there();
  if (rows == header.height) {
    image.rgb.resize(bytes);
    rows = pixels.decode(image.rgb.data());
  }
  if (rows < header.height) {
    bad_image(name, "is a damaged BMP", "the file ends early: " + rows_there(rows, header.height));
  }
  if (pixels.end_is_missing()) notes.damage.emplace_back("the end of the file is missing, after the last pixel");
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
