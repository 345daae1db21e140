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
#include "vlmt/kernel/cpu/prefetch.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/tuning.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// Formats whose rows can be read a vector at a time; the others are decoded into a tile first.
template <class Format>
inline constexpr bool reads_in_registers_v =
    std::is_same_v<Format, F32> || std::is_same_v<Format, F16> || std::is_same_v<Format, BF16> ||
    std::is_same_v<Format, Q8_0> || std::is_same_v<Format, Q4_0>;

/// Archs with registers for four query rows times four keys.
template <class Arch>
inline constexpr bool four_rows_v = std::is_base_of_v<arch::avx512, Arch> || std::is_base_of_v<arch::neon, Arch>;

/// The scale of a block: finite, as our encoder made it, so that without an instruction a product moves the exponent's
/// bias.
VLMT_INLINE float finite_half(const std::byte* at) noexcept {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
#if defined(__F16C__)
  return _cvtsh_ss(bits);
#else
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f) | sign);
#endif
}

/// How far ahead rows of a cache are asked for, in bytes: the heads' rows are long runs, but a core's own window is
/// too short to keep memory busy.
inline constexpr std::size_t kv_prefetch_bytes = 8192;

/// Asks for memory behind four rows. Rows that are apart are not of a cache, but of activations that are near.
template <class Format>
VLMT_INLINE void prefetch_rows(const std::byte* rows, std::size_t stride, std::size_t dim) noexcept {
  const std::size_t bytes = dim / Format::values * sizeof(typename Format::Block);
  if (stride != bytes) return;
  prefetch<Near::second_level>(rows + kv_prefetch_bytes, 4 * bytes);
  if (const std::size_t near = tuning.kv_near_bytes; near != 0) prefetch<Near::first_level>(rows + near, 4 * bytes);
}

/// Quants [Vector * lanes, ...) of a block of 32 as floats, without the scale.
template <class Format, class Arch, std::size_t Vector>
VLMT_INLINE simd::Floats<Arch> block_quants(const std::byte* block) noexcept {
  using I = simd::Ints<Arch>;
  constexpr std::size_t first = Vector * Arch::lanes;
  if constexpr (std::is_same_v<Format, Q8_0>) {
    return to_float(I::load(reinterpret_cast<const std::int8_t*>(block + 2) + first));
  } else {
    static_assert(std::is_same_v<Format, Q4_0>);
    const I bytes = I::load(reinterpret_cast<const std::uint8_t*>(block + 2) + first % 16);
    return to_float((first < 16 ? bytes & I(15) : shift_right<4>(bytes)) - I(8));
  }
}

/// The number of lanes that are valid, where it is all of them.
template <class Arch>
using WholeVector = std::integral_constant<std::size_t, Arch::lanes>;

/// Vectors of Rows rows side by side: f(i, x, n) for each, where x[j] holds values [i, i + n) of row j, the other lanes
/// zero; n is a WholeVector but for the last.
template <class Format, class Arch, std::size_t Rows, class F>
VLMT_INLINE void for_row_vectors(const std::byte* rows, std::size_t stride, std::size_t dim, F&& f) noexcept {
  using V = simd::Floats<Arch>;
  constexpr WholeVector<Arch> whole;
  if constexpr (Format::values == 32) {
    constexpr std::size_t vectors = 32 / V::lanes;
    const std::size_t blocks = dim / 32;
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::byte* block = rows + b * sizeof(typename Format::Block);
      V scale[Rows];
      unroll<Rows>([&](auto j) { scale[j] = V(finite_half(block + j * stride)); });
      unroll<vectors>([&](auto v) {
        V x[Rows];
        unroll<Rows>([&](auto j) { x[j] = block_quants<Format, Arch, v>(block + j * stride) * scale[j]; });
        f(32 * b + v * V::lanes, x, whole);
      });
    }
  } else {
    using Value = typename Format::Block;
    const auto at = [&](std::size_t j, std::size_t i) { return reinterpret_cast<const Value*>(rows + j * stride) + i; };
    std::size_t i = 0;
    for (; i + V::lanes <= dim; i += V::lanes) {
      V x[Rows];
      unroll<Rows>([&](auto j) { x[j] = V::load(at(j, i)); });
      f(i, x, whole);
    }
    if (i < dim) {
      V x[Rows];
      unroll<Rows>([&](auto j) { x[j] = V::load(at(j, i), dim - i); });
      f(i, x, dim - i);
    }
  }
}

/// Floats [0, n) of p, and back.
template <class Arch>
VLMT_INLINE simd::Floats<Arch> load_part(const float* p, WholeVector<Arch>) noexcept {
  return simd::Floats<Arch>::load(p);
}
template <class Arch>
VLMT_INLINE simd::Floats<Arch> load_part(const float* p, std::size_t n) noexcept {
  return simd::Floats<Arch>::load(p, n);
}
template <class Arch>
VLMT_INLINE void store_part(simd::Floats<Arch> x, float* p, WholeVector<Arch>) noexcept {
  x.store(p);
}
template <class Arch>
VLMT_INLINE void store_part(simd::Floats<Arch> x, float* p, std::size_t n) noexcept {
  x.store(p, n);
}

/// s[r * row_stride + j] = q[r] . key j for Rows queries and Keys keys.
template <class Format, class Arch, std::size_t Rows, std::size_t Keys>
VLMT_INLINE void dot_block(const float* q, std::size_t dim, const std::byte* keys, std::size_t stride, float* s,
                           std::size_t row_stride) noexcept {
  using F = simd::Floats<Arch>;
  F sum[Rows][Keys];
  unroll<Rows>([&](auto r) { unroll<Keys>([&](auto j) { sum[r][j] = F::zero(); }); });
  for_row_vectors<Format, Arch, Keys>(keys, stride, dim,
                                      [&](std::size_t i, const F(&key)[Keys], auto n) VLMT_INLINE_LAMBDA {
                                        unroll<Rows>([&](auto r) {
                                          const F query = load_part<Arch>(q + r * dim + i, n);
                                          unroll<Keys>([&](auto j) { sum[r][j] = fma(query, key[j], sum[r][j]); });
                                        });
                                      });
  unroll<Rows>([&](auto r) { unroll<Keys>([&](auto j) { s[r * row_stride + j] = reduce_add(sum[r][j]); }); });
}

/// o[r] += sum_j p[r * row_stride + j] * value j for Rows queries and Keys values.
template <class Format, class Arch, std::size_t Rows, std::size_t Keys>
VLMT_INLINE void weigh_block(const float* p, std::size_t row_stride, const std::byte* values, std::size_t stride,
                             std::size_t dim, float* o) noexcept {
  using F = simd::Floats<Arch>;
  F weight[Rows][Keys];
  unroll<Rows>([&](auto r) { unroll<Keys>([&](auto j) { weight[r][j] = F(p[r * row_stride + j]); }); });
  for_row_vectors<Format, Arch, Keys>(
      values, stride, dim, [&](std::size_t i, const F(&value)[Keys], auto n) VLMT_INLINE_LAMBDA {
        unroll<Rows>([&](auto r) {
          F sum = weight[r][0] * value[0];
          unroll<Keys - 1>([&](auto j) { sum = fma(weight[r][j + 1], value[j + 1], sum); });
          float* out = o + r * dim + i;
          store_part<Arch>(load_part<Arch>(out, n) + sum, out, n);
        });
      });
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
