// Composites pixels with alpha on a background, on the values as stored (coded sRGB), rounded to nearest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// (value * alpha + background * (255 - alpha)) / 255.
constexpr std::uint8_t composite8(unsigned value, unsigned alpha, unsigned background) noexcept {
  return static_cast<std::uint8_t>((value * alpha + background * (255u - alpha) + 127u) / 255u);
}

/// The same for 16-bit samples and an 8-bit background; the result keeps its high byte, as opaque samples do.
constexpr std::uint8_t composite16(std::uint64_t value, std::uint64_t alpha, std::uint64_t background) noexcept {
  return static_cast<std::uint8_t>(((value * alpha + background * 257u * (65535u - alpha) + 32767u) / 65535u) >> 8);
}

/// What becomes of alpha.
class Compositor {
 public:
  explicit Compositor(const ImageOptions& options) noexcept
      : background_(options.background), drops_(options.alpha == AlphaPolicy::Drop) {}

  /// n pixels, RGBA of 8 bits, to RGB. `rgb` may be `rgba`.
  void rgba8(const std::uint8_t* rgba, std::size_t n, std::uint8_t* rgb) const noexcept {
    for (std::size_t i = 0; i < n; ++i) {
      const unsigned alpha = drops_ ? 255u : rgba[4 * i + 3];
      for (std::size_t c = 0; c < 3; ++c) rgb[3 * i + c] = composite8(rgba[4 * i + c], alpha, background_[c]);
    }
  }

  /// n pixels, RGBA of 16 bits, big-endian, to 8-bit RGB. `rgb` may be `rgba`.
  void rgba16(const std::uint8_t* rgba, std::size_t n, std::uint8_t* rgb) const noexcept {
    const auto sample = [&](std::size_t k) { return std::uint64_t{rgba[2 * k]} << 8 | rgba[2 * k + 1]; };
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t alpha = drops_ ? 65535u : sample(4 * i + 3);
      for (std::size_t c = 0; c < 3; ++c) rgb[3 * i + c] = composite16(sample(4 * i + c), alpha, background_[c]);
    }
  }

  /// A fully transparent pixel without a colour of its own.
  std::array<std::uint8_t, 3> nothing() const noexcept { return drops_ ? std::array<std::uint8_t, 3>{} : background_; }

 private:
  std::array<std::uint8_t, 3> background_;
  bool drops_;
};

}  // namespace detail

VLMT_END_NAMESPACE
