// Weights of a separable, antialiased resize of 8-bit images, in fixed point and in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/op/preprocess.hpp"

VLMT_BEGIN_NAMESPACE

/// An interpolation kernel, zero outside [-support, support].
template <class F>
concept ResampleFilter = requires(double x) {
  { F::name } -> std::convertible_to<std::string_view>;
  { F::support } -> std::convertible_to<double>;
  { F::weight(x) }
  noexcept->std::same_as<double>;
};

/// Keys' cubic convolution with a = -1/2 (Keys, 1981): BICUBIC of Pillow and of torchvision with antialiasing.
struct Bicubic {
  static constexpr std::string_view name = "bicubic";
  static constexpr double support = 2.0;
  static double weight(double x) noexcept {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    return 0.0;
  }
};

/// The triangle filter.
struct Bilinear {
  static constexpr std::string_view name = "bilinear";
  static constexpr double support = 1.0;
  static double weight(double x) noexcept {
    x = std::fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
  }
};

/// Weights of one axis. Output i reads inputs begin[i] .. begin[i] + count[i] - 1.
///
/// The integer weights are the doubles times 2^precision, rounded. `precision` is the largest (at most 22) at which the
/// largest weight of the whole axis fits 16 bits. PyTorch does the same for uint8 images (ATen, UpSampleKernel.cpp),
/// bit for bit, so resized images equal those of Hugging Face processors.
struct ResampleAxis {
  std::size_t in = 0;    ///< inputs
  std::size_t out = 0;   ///< outputs; those of the window if there is one
  std::size_t taps = 0;  ///< weights allocated per output
  int precision = 0;
  bool identity = false;  ///< output i is input i
  std::vector<std::uint32_t> begin;
  std::vector<std::uint32_t> count;
  std::vector<std::int16_t> weights;  // (out, taps)
  std::vector<double> exact;          // (out, taps), each row sums to 1

  /// The same for kernels.
  ResampleWeights view() const noexcept {
    return {in, out, taps, precision, identity, begin.data(), count.data(), weights.data(), exact.data()};
  }
};

/// Weights for resizing `in` inputs to `whole` outputs, of which [first, first + out) are kept.
template <ResampleFilter Filter>
ResampleAxis resample_axis(std::size_t in, std::size_t whole, std::size_t first, std::size_t out) {
  VLMT_ASSERT_LT("resample_axis", 0, in);
  VLMT_ASSERT_LT("resample_axis", in, 1u << 31);
  VLMT_ASSERT_LT("resample_axis", 0, whole);
  VLMT_ASSERT_LT("resample_axis", whole, 1u << 31);
  VLMT_ASSERT_LT("resample_axis", 0, out);
  VLMT_ASSERT_LE("resample_axis", out, whole);
  VLMT_ASSERT_LE("resample_axis", first, whole - out);
  const double scale = static_cast<double>(in) / static_cast<double>(whole);
  const double support = scale >= 1.0 ? Filter::support * scale : Filter::support;
  const double inverse = scale >= 1.0 ? 1.0 / scale : 1.0;
  ResampleAxis axis;
  axis.in = in;
  axis.out = out;
  axis.taps = std::min(static_cast<std::size_t>(std::ceil(support)) * 2 + 1, in);
  axis.identity = in == whole && first == 0 && out == whole;
  axis.begin.resize(out);
  axis.count.resize(out);
  axis.exact.resize(out * axis.taps);
  axis.weights.resize(out * axis.taps);

  std::vector<double> row(axis.taps);
  const auto fill = [&](std::size_t i) {  // row = weights of output i; returns its first input and their count
    const double centre = scale * (static_cast<double>(i) + 0.5);
    const auto lowest = static_cast<std::int64_t>(centre - support + 0.5);
    const std::size_t begin = lowest > 0 ? static_cast<std::size_t>(lowest) : 0;
    const std::size_t end = std::min(static_cast<std::size_t>(centre + support + 0.5), in);
    const std::size_t count = std::min(end > begin ? end - begin : 0, axis.taps);
    double total = 0.0;
    for (std::size_t k = 0; k < count; ++k) {
      row[k] = Filter::weight((static_cast<double>(k + begin) - centre + 0.5) * inverse);
      total += row[k];
    }
    if (total != 0.0) {
      for (std::size_t k = 0; k < count; ++k) row[k] /= total;
    }
    return std::pair(begin, count);
  };

  double most = 0.0;
  for (std::size_t i = 0; i < whole; ++i) {
    const std::size_t count = fill(i).second;
    for (std::size_t k = 0; k < count; ++k) most = std::max(most, row[k]);
  }
  while (axis.precision < 22 && static_cast<int>(0.5 + most * (2 << axis.precision)) < (1 << 15)) ++axis.precision;
  for (std::size_t i = 0; i < out; ++i) {
    const auto [begin, count] = fill(first + i);
    axis.begin[i] = static_cast<std::uint32_t>(begin);
    axis.count[i] = static_cast<std::uint32_t>(count);
    for (std::size_t k = 0; k < count; ++k) {
      const double w = row[k] * (1 << axis.precision);
      axis.exact[i * axis.taps + k] = row[k];
      axis.weights[i * axis.taps + k] = static_cast<std::int16_t>(w < 0 ? w - 0.5 : w + 0.5);
    }
  }
  return axis;
}

/// A resize from (y.in, x.in) to (y.out, x.out) pixels.
struct ResamplePlan {
  ResampleAxis x;
  ResampleAxis y;
};

/// Plan of a resize from (height, width) to (out_height, out_width), all positive.
template <ResampleFilter Filter = Bicubic>
ResamplePlan plan_resample(std::size_t height, std::size_t width, std::size_t out_height, std::size_t out_width) {
  return {resample_axis<Filter>(width, out_width, 0, out_width),
          resample_axis<Filter>(height, out_height, 0, out_height)};
}

/// The same, restricted to the window of (rows, columns) pixels at (top, left): resize and crop in one.
template <ResampleFilter Filter = Bicubic>
ResamplePlan plan_resample_window(std::size_t height, std::size_t width, std::size_t out_height, std::size_t out_width,
                                  std::size_t top, std::size_t left, std::size_t rows, std::size_t columns) {
  return {resample_axis<Filter>(width, out_width, left, columns), resample_axis<Filter>(height, out_height, top, rows)};
}

/// Output rows that a member computes at a time.
inline constexpr std::size_t resample_strip = 64;

/// Scratch bytes per member, for any team size.
inline std::size_t resample_scratch_bytes(const ResampleWeights& x, const ResampleWeights& y) noexcept {
  std::size_t rows = 0;  // most input rows of any strip
  for (std::size_t i = 0; i < y.out; i += resample_strip) {
    const std::size_t last = std::min(i + resample_strip, y.out) - 1;
    rows = std::max<std::size_t>(rows, y.begin[last] + y.count[last] - y.begin[i]);
  }
  constexpr std::size_t band = 48;  // one column of 16 RGB rows
  return x.in * band + rows * x.out * 3;
}
inline std::size_t resample_scratch_bytes(const ResamplePlan& plan) noexcept {
  return resample_scratch_bytes(plan.x.view(), plan.y.view());
}

VLMT_END_NAMESPACE
