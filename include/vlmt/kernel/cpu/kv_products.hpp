// Products of a few query rows with rows of a KV cache, decoded in registers on the way: what decoding spends its time
// on. One instance for each format and arch, reached through KvLeaf.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Formats whose rows can be read a vector at a time; the others are decoded into a tile first.
template <class Format>
inline constexpr bool reads_in_registers_v = std::is_same_v<Format, F32> || std::is_same_v<Format, F16> ||
                                             std::is_same_v<Format, BF16> || std::is_same_v<Format, Q8_0>;

/// Archs with registers for four query rows times four keys.
template <class Arch>
inline constexpr bool four_rows_v = std::is_base_of_v<arch::avx512, Arch> || std::is_base_of_v<arch::neon, Arch>;

/// The scale of a block: finite, as our encoder made it, so that a product moves the exponent's bias.
VLMT_INLINE float finite_half(const std::byte* at) noexcept {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f) | sign);
}

/// How far ahead rows of a cache are asked for, in bytes: the heads' rows are long runs, but a core's own window is
/// too short to keep memory busy.
inline constexpr std::size_t kv_prefetch_bytes = 8192;

/// Asks for memory behind four rows. Rows that are apart are not of a cache, but of activations that are near.
template <class Format>
VLMT_INLINE void prefetch_rows(const std::byte* rows, std::size_t stride, std::size_t dim) noexcept {
  const std::size_t bytes = dim / Format::values * sizeof(typename Format::Block);
  if (stride != bytes) return;
  for (std::size_t i = 0; i < 4 * bytes; i += 64) __builtin_prefetch(rows + kv_prefetch_bytes + i, 0, 2);
}

/// Values [i, i + lanes) of a row; i is a multiple of the lanes.
template <class Format, class Arch>
VLMT_INLINE simd::Floats<Arch> read_row(const std::byte* row, std::size_t i) noexcept {
  using F = simd::Floats<Arch>;
  if constexpr (std::is_same_v<Format, Q8_0>) {
    const std::byte* block = row + i / 32 * 34;
    const auto* quants = reinterpret_cast<const std::int8_t*>(block + 2) + i % 32;
    return to_float(simd::Ints<Arch>::load(quants)) * F(finite_half(block));
  } else {
    return F::load(reinterpret_cast<const typename Format::Block*>(row) + i);
  }
}
/// Values [i, i + n) of a row, n < lanes, the other lanes zero. Rows of Q8_0 end with a whole vector.
template <class Format, class Arch>
VLMT_INLINE simd::Floats<Arch> read_row(const std::byte* row, std::size_t i, std::size_t n) noexcept {
  if constexpr (std::is_same_v<Format, Q8_0>) {
    return simd::Floats<Arch>::zero();
  } else {
    return simd::Floats<Arch>::load(reinterpret_cast<const typename Format::Block*>(row) + i, n);
  }
}

/// s[r * row_stride + j] = q[r] . key j for Rows queries and Keys keys.
template <class Format, class Arch, std::size_t Rows, std::size_t Keys>
VLMT_INLINE void dot_block(const float* q, std::size_t dim, const std::byte* keys, std::size_t stride, float* s,
                           std::size_t row_stride) noexcept {
  using F = simd::Floats<Arch>;
  F sum[Rows][Keys];
  unroll<Rows>([&](auto r) { unroll<Keys>([&](auto j) { sum[r][j] = F::zero(); }); });
  std::size_t i = 0;
  for (; i + F::lanes <= dim; i += F::lanes) {
    F key[Keys];
    unroll<Keys>([&](auto j) { key[j] = read_row<Format, Arch>(keys + j * stride, i); });
    unroll<Rows>([&](auto r) {
      const F query = F::load(q + r * dim + i);
      unroll<Keys>([&](auto j) { sum[r][j] = fma(query, key[j], sum[r][j]); });
    });
  }
  if (i < dim) {
    F key[Keys];
    unroll<Keys>([&](auto j) { key[j] = read_row<Format, Arch>(keys + j * stride, i, dim - i); });
    unroll<Rows>([&](auto r) {
      const F query = F::load(q + r * dim + i, dim - i);
      unroll<Keys>([&](auto j) { sum[r][j] = fma(query, key[j], sum[r][j]); });
    });
  }
  unroll<Rows>([&](auto r) { unroll<Keys>([&](auto j) { s[r * row_stride + j] = reduce_add(sum[r][j]); }); });
}

/// o[r] += sum_j p[r * row_stride + j] * value j for Rows queries and Keys values.
template <class Format, class Arch, std::size_t Rows, std::size_t Keys>
VLMT_INLINE void weigh_block(const float* p, std::size_t row_stride, const std::byte* values, std::size_t stride,
                             std::size_t dim, float* o) noexcept {
  using F = simd::Floats<Arch>;
  F weight[Rows][Keys];
  unroll<Rows>([&](auto r) { unroll<Keys>([&](auto j) { weight[r][j] = F(p[r * row_stride + j]); }); });
  std::size_t i = 0;
  for (; i + F::lanes <= dim; i += F::lanes) {
    F value[Keys];
    unroll<Keys>([&](auto j) { value[j] = read_row<Format, Arch>(values + j * stride, i); });
    unroll<Rows>([&](auto r) {
      F sum = weight[r][0] * value[0];
      unroll<Keys - 1>([&](auto j) { sum = fma(weight[r][j + 1], value[j + 1], sum); });
      (F::load(o + r * dim + i) + sum).store(o + r * dim + i);
    });
  }
  if (i < dim) {
    const std::size_t n = dim - i;
    F value[Keys];
    unroll<Keys>([&](auto j) { value[j] = read_row<Format, Arch>(values + j * stride, i, n); });
    unroll<Rows>([&](auto r) {
      F sum = weight[r][0] * value[0];
      unroll<Keys - 1>([&](auto j) { sum = fma(weight[r][j + 1], value[j + 1], sum); });
      (F::load(o + r * dim + i, n) + sum).store(o + r * dim + i, n);
    });
  }
}

}  // namespace detail

/// s (rows, row_stride) = q (rows, dim) times n keys, `stride` bytes apart.
template <class Format, class Arch>
void dot_kv_rows(const float* q, std::size_t rows, std::size_t dim, const std::byte* keys, std::size_t stride,
                 std::size_t n, float* s, std::size_t row_stride) noexcept {
  std::size_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const std::byte* at = keys + j * stride;
    detail::prefetch_rows<Format>(at, stride, dim);
    std::size_t r = 0;
    if constexpr (detail::four_rows_v<Arch>) {
      for (; r + 4 <= rows; r += 4) {
        detail::dot_block<Format, Arch, 4, 4>(q + r * dim, dim, at, stride, s + r * row_stride + j, row_stride);
      }
    }
    for (; r + 2 <= rows; r += 2) {
      detail::dot_block<Format, Arch, 2, 4>(q + r * dim, dim, at, stride, s + r * row_stride + j, row_stride);
    }
    if (r < rows)
      detail::dot_block<Format, Arch, 1, 4>(q + r * dim, dim, at, stride, s + r * row_stride + j, row_stride);
  }
  for (; j < n; ++j) {
    for (std::size_t r = 0; r < rows; ++r) {
      detail::dot_block<Format, Arch, 1, 1>(q + r * dim, dim, keys + j * stride, stride, s + r * row_stride + j,
                                            row_stride);
    }
  }
}

/// o (rows, dim) += p (rows, row_stride) times n values, `stride` bytes apart.
template <class Format, class Arch>
void weigh_kv_rows(const float* p, std::size_t row_stride, std::size_t rows, std::size_t dim, const std::byte* values,
                   std::size_t stride, std::size_t n, float* o) noexcept {
  std::size_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const std::byte* at = values + j * stride;
    detail::prefetch_rows<Format>(at, stride, dim);
    std::size_t r = 0;
    if constexpr (detail::four_rows_v<Arch>) {
      for (; r + 4 <= rows; r += 4) {
        detail::weigh_block<Format, Arch, 4, 4>(p + r * row_stride + j, row_stride, at, stride, dim, o + r * dim);
      }
    }
    for (; r + 2 <= rows; r += 2) {
      detail::weigh_block<Format, Arch, 2, 4>(p + r * row_stride + j, row_stride, at, stride, dim, o + r * dim);
    }
    if (r < rows)
      detail::weigh_block<Format, Arch, 1, 4>(p + r * row_stride + j, row_stride, at, stride, dim, o + r * dim);
  }
  for (; j < n; ++j) {
    for (std::size_t r = 0; r < rows; ++r) {
      detail::weigh_block<Format, Arch, 1, 1>(p + r * row_stride + j, row_stride, values + j * stride, stride, dim,
                                              o + r * dim);
    }
  }
}

}  // namespace cpu

VLMT_END_NAMESPACE
