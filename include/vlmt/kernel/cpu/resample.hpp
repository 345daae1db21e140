// Separable resize of 8-bit RGB images in fixed point, in strips of output rows that stay in the cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/op/resample_plan.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Weighted sums of N adjacent bytes. Constant trip counts let compilers keep the sums in vector registers. GNU vector
/// types are slower: g++ widens their bytes badly.
template <class Arch, std::size_t N>
struct ByteSums {
  std::int32_t sum[N];

  VLMT_INLINE void start(std::int32_t value) noexcept {
    for (std::size_t i = 0; i < N; ++i) sum[i] = value;
  }
  VLMT_INLINE void add(const std::uint8_t* VLMT_RESTRICT bytes, std::int32_t weight) noexcept {
    for (std::size_t i = 0; i < N; ++i) sum[i] += weight * bytes[i];
  }
  VLMT_INLINE void store(std::uint8_t* VLMT_RESTRICT out, int shift) const noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      std::int32_t v = sum[i] >> shift;
      v = v < 0 ? 0 : v;
      out[i] = static_cast<std::uint8_t>(v > 255 ? 255 : v);
    }
  }
};

inline constexpr std::size_t resample_band = 16;  // rows per step of the horizontal pass

/// Horizontal pass over input rows [begin, end): out row r is input row begin + r. 16 rows at a time are transposed
/// into `columns` (in, 3, 16), so that one weight applies to 48 adjacent bytes: 3 channels of 16 rows.
template <class Arch>
void resample_columns(const std::uint8_t* in, const ResampleWeights& x, std::size_t begin, std::size_t end,
                      std::uint8_t* VLMT_RESTRICT columns, std::uint8_t* VLMT_RESTRICT out) noexcept {
  constexpr std::size_t band = resample_band;
  const std::size_t first = x.begin[0];
  const std::size_t last = x.begin[x.out - 1] + x.count[x.out - 1];
  for (std::size_t r = begin; r < end; r += band) {
    const std::size_t rows = std::min(band, end - r);
    const std::uint8_t* source[band];
    for (std::size_t k = 0; k < band; ++k) source[k] = in + (r + std::min(k, rows - 1)) * x.in * 3;
    for (std::size_t i = 3 * first; i < 3 * last; ++i) {
      for (std::size_t k = 0; k < band; ++k) columns[i * band + k] = source[k][i];
    }
    std::uint8_t* target = out + (r - begin) * x.out * 3;
    for (std::size_t j = 0; j < x.out; ++j) {
      const std::uint8_t* bytes = columns + std::size_t{x.begin[j]} * 3 * band;
      const std::int16_t* weights = x.weights + j * x.taps;
      ByteSums<Arch, 3 * band> sums;
      sums.start(x.precision > 0 ? 1 << (x.precision - 1) : 0);
      for (std::size_t k = 0; k < x.count[j]; ++k) sums.add(bytes + k * 3 * band, weights[k]);
      std::uint8_t result[3 * band];
      sums.store(result, x.precision);
      for (std::size_t k = 0; k < rows; ++k) {
        for (std::size_t c = 0; c < 3; ++c) target[(k * x.out + j) * 3 + c] = result[c * band + k];
      }
    }
  }
}

/// Vertical pass for one output row: the weighted sum of `count` rows of `bytes` bytes.
template <class Arch>
void resample_row(const std::uint8_t* in, std::size_t bytes, const std::int16_t* weights, std::size_t count,
                  int precision, std::uint8_t* VLMT_RESTRICT out) noexcept {
  constexpr std::size_t chunk = 64;
  const std::int32_t half = precision > 0 ? 1 << (precision - 1) : 0;
  const auto sum_chunk = [&](const std::uint8_t* from, std::size_t stride, std::uint8_t* to) {
    ByteSums<Arch, chunk> sums;
    sums.start(half);
    for (std::size_t k = 0; k < count; ++k) sums.add(from + k * stride, weights[k]);
    sums.store(to, precision);
  };
  std::size_t i = 0;
  for (; i + chunk <= bytes; i += chunk) sum_chunk(in + i, bytes, out + i);
  for (; i < bytes; ++i) {
    std::int32_t sum = half;
    for (std::size_t k = 0; k < count; ++k) sum += weights[k] * in[k * bytes + i];
    out[i] = static_cast<std::uint8_t>(std::clamp(sum >> precision, 0, 255));
  }
}

/// See vlmt::resample.
template <class Arch>
void resample(const std::uint8_t* in, const ResampleWeights& x, const ResampleWeights& y, std::uint8_t* out,
              std::uint8_t* scratch, Member& m) noexcept {
  const std::size_t row_bytes = x.out * 3;
  std::uint8_t* columns = scratch + m.rank() * resample_scratch_bytes(x, y);
  std::uint8_t* narrow = columns + x.in * 3 * resample_band;
  const Range rows = m.share(y.out, resample_strip);
  for (std::size_t top = rows.begin; top < rows.end && !m.stopped(); top += resample_strip) {
    const std::size_t bottom = std::min(top + resample_strip, rows.end);
    const std::size_t begin = y.begin[top];
    const std::size_t end = y.begin[bottom - 1] + y.count[bottom - 1];
    const std::uint8_t* source = narrow;
    if (x.identity) {
      source = in + begin * row_bytes;
    } else {
      resample_columns<Arch>(in, x, begin, end, columns, narrow);
    }
    if (y.identity) {
      std::memcpy(out + top * row_bytes, source + (top - begin) * row_bytes, (bottom - top) * row_bytes);
      continue;
    }
    for (std::size_t i = top; i < bottom; ++i) {
      resample_row<Arch>(source + (y.begin[i] - begin) * row_bytes, row_bytes, y.weights + i * y.taps, y.count[i],
                         y.precision, out + i * row_bytes);
    }
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
