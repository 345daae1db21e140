// Products of a few query rows with rows of a KV cache that are decoded in registers: the inner loops of attention in
// decode. One instance per format and arch, reached through KvLeaf.
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

/// Formats whose rows can be read a vector at a time; others are decoded into a tile first.
template <class Format>
inline constexpr bool reads_in_registers_v =
    std::is_same_v<Format, F32> || std::is_same_v<Format, F16> || std::is_same_v<Format, BF16> ||
    std::is_same_v<Format, Q8_0> || std::is_same_v<Format, Q4_0>;

/// True if there are registers for four query rows times four keys, or two times eight.
template <class Arch>
inline constexpr bool many_registers_v = Arch::registers >= 32;

/// Keys per step.
template <class Arch>
inline constexpr std::size_t key_step_v = many_registers_v<Arch> ? 8 : 4;

/// Keys that are multiplied with `Rows` query rows in registers; block formats need some registers for scales.
template <class Format, class Arch, std::size_t Rows>
inline constexpr std::size_t side_keys_v = Rows == 2 && Format::values == 1 && many_registers_v<Arch> ? 8 : 4;

/// The scale of a block. The encoder writes finite scales only, so without F16C one product converts the exponent bias.
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

/// Prefetches rows of a cache while earlier rows are multiplied: a few lines per vector, as a core keeps few requests
/// open.
class KvAhead {
 public:
  /// Prefetches nothing.
  KvAhead() = default;
  /// For reads of rows of `bytes` bytes from `rows` on, `stride` bytes apart: prefetches at the distances of the
  /// tuning. Rows with gaps are activations, not a cache; they are near, and nothing is prefetched.
  VLMT_INLINE KvAhead(const std::byte* rows, std::size_t stride, std::size_t bytes) noexcept {
    if (stride != bytes) return;
    if (const std::size_t near = kv_near_bytes(); near != 0) near_ = rows + near;
    if (const std::size_t far = kv_far_bytes(); far != 0) far_ = rows + far;
  }
  /// The same from `bytes` further on, for bytes that another call prefetches.
  VLMT_INLINE KvAhead skip(std::size_t bytes) const noexcept {
    KvAhead rest;
    if (near_ != nullptr) rest.near_ = near_ + bytes;
    if (far_ != nullptr) rest.far_ = far_ + bytes;
    return rest;
  }

  /// Prefetches the next Bytes at each distance.
  template <std::size_t Bytes>
  VLMT_INLINE void step() noexcept {
    if (far_ != nullptr) {
      prefetch<Bytes, CacheLevel::second_level>(far_);
      far_ += Bytes;
    }
    if (near_ != nullptr) {
      prefetch<Bytes, CacheLevel::first_level>(near_);
      near_ += Bytes;
    }
  }

 private:
  const std::byte* near_ = nullptr;
  const std::byte* far_ = nullptr;
};

/// Quants [Vector * lanes, (Vector + 1) * lanes) of a block of 32 as floats, without the scale.
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

/// The number of valid lanes if all are valid.
template <class Arch>
using WholeVector = std::integral_constant<std::size_t, Arch::lanes>;

/// Reads Rows rows side by side, a vector at a time: f(i, x, n), where x[j] holds values [i, i + n) of row j, the other
/// lanes zero. n is a WholeVector except for a partial last vector.
template <class Format, class Arch, std::size_t Rows, class F>
VLMT_INLINE void for_row_vectors(const std::byte* rows, std::size_t stride, std::size_t dim, KvAhead& ahead,
                                 F&& f) noexcept {
  using V = simd::Floats<Arch>;
  constexpr WholeVector<Arch> whole;
  if constexpr (Format::values == 32) {
    constexpr std::size_t vectors = 32 / V::lanes;
    const std::size_t blocks = dim / 32;
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::byte* block = rows + b * sizeof(typename Format::Block);
      ahead.template step<Rows * sizeof(typename Format::Block)>();
      V scale[Rows];
      unroll<Rows>([&](auto j) VLMT_INLINE_LAMBDA { scale[j] = V(finite_half(block + j * stride)); });
      unroll<vectors>([&](auto v) VLMT_INLINE_LAMBDA {
        V x[Rows];
        unroll<Rows>([&](auto j)
                         VLMT_INLINE_LAMBDA { x[j] = block_quants<Format, Arch, v>(block + j * stride) * scale[j]; });
        f(32 * b + v * V::lanes, x, whole);
      });
    }
  } else {
    using Value = typename Format::Block;
    const auto at = [&](std::size_t j, std::size_t i)
                        VLMT_INLINE_LAMBDA { return reinterpret_cast<const Value*>(rows + j * stride) + i; };
    std::size_t i = 0;
    for (; i + V::lanes <= dim; i += V::lanes) {
      ahead.template step<Rows * V::lanes * sizeof(Value)>();
      V x[Rows];
      unroll<Rows>([&](auto j) VLMT_INLINE_LAMBDA { x[j] = V::load(at(j, i)); });
      f(i, x, whole);
    }
    if (i < dim) {
      V x[Rows];
      unroll<Rows>([&](auto j) VLMT_INLINE_LAMBDA { x[j] = V::load(at(j, i), dim - i); });
      f(i, x, dim - i);
    }
  }
}

/// Loads p[0..n), and stores it.
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
VLMT_INLINE void dot_block(const float* q, std::size_t dim, const std::byte* keys, std::size_t stride, KvAhead ahead,
                           float* s, std::size_t row_stride) noexcept {
  using F = simd::Floats<Arch>;
  // Query rows whose sums are reduced together.
  constexpr std::size_t together = Rows * Keys % 8 == 0 && Keys < 8 ? 8 / Keys : 1;
  F sum[Rows / together][together * Keys];
  unroll<Rows * Keys>([&](auto i)
                          VLMT_INLINE_LAMBDA { sum[i / (together * Keys)][i % (together * Keys)] = F::zero(); });
  for_row_vectors<Format, Arch, Keys>(keys, stride, dim, ahead,
                                      [&](std::size_t i, const F(&key)[Keys], auto n) VLMT_INLINE_LAMBDA {
                                        unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
                                          const F query = load_part<Arch>(q + r * dim + i, n);
                                          unroll<Keys>([&](auto j) VLMT_INLINE_LAMBDA {
                                            F& one = sum[r / together][r % together * Keys + j];
                                            one = fma(query, key[j], one);
                                          });
                                        });
                                      });
  unroll<Rows / together>([&](auto group) VLMT_INLINE_LAMBDA {
    float total[together * Keys];
    reduce_add(sum[group], total);
    unroll<together>([&](auto r) VLMT_INLINE_LAMBDA {
      std::memcpy(s + (group * together + r) * row_stride, total + r * Keys, Keys * sizeof(float));
    });
  });
}

/// o[r] += sum_j p[r * row_stride + j] * value j for Rows queries and Keys values.
template <class Format, class Arch, std::size_t Rows, std::size_t Keys>
VLMT_INLINE void weigh_block(const float* p, std::size_t row_stride, const std::byte* values, std::size_t stride,
                             std::size_t dim, KvAhead ahead, float* o) noexcept {
  using F = simd::Floats<Arch>;
  F weight[Rows][Keys];
  unroll<Rows * Keys>([&](auto i)
                          VLMT_INLINE_LAMBDA { weight[i / Keys][i % Keys] = F(p[i / Keys * row_stride + i % Keys]); });
  for_row_vectors<Format, Arch, Keys>(values, stride, dim, ahead,
                                      [&](std::size_t i, const F(&value)[Keys], auto n) VLMT_INLINE_LAMBDA {
                                        unroll<Rows>([&](auto r) VLMT_INLINE_LAMBDA {
                                          // Four values at a time: any number of fours gives the same bits.
                                          constexpr std::size_t part = Keys % 4 == 0 ? 4 : Keys;
                                          float* out = o + r * dim + i;
                                          F total = load_part<Arch>(out, n);
                                          unroll<Keys / part>([&](auto k) VLMT_INLINE_LAMBDA {
                                            F sum = weight[r][k * part] * value[k * part];
                                            unroll<part - 1>([&](auto j) VLMT_INLINE_LAMBDA {
                                              sum = fma(weight[r][k * part + j + 1], value[k * part + j + 1], sum);
                                            });
                                            total += sum;
                                          });
                                          store_part<Arch>(total, out, n);
                                        });
                                      });
}

/// for_pairs for keys [first, n), fewer than a step. A separate function: compile time grows faster than the size of a
/// function.
template <class Format, class Arch, class F>
VLMT_NOINLINE void for_last_pairs(std::size_t rows, std::size_t first, std::size_t n, const F& f) noexcept {
  constexpr std::integral_constant<std::size_t, 1> one{};
  [[maybe_unused]] constexpr std::integral_constant<std::size_t, 4> four{};
  constexpr std::size_t step = key_step_v<Arch>;
  if constexpr (step > 4) {
    if (first + 4 <= n) {
      for (std::size_t r = 0; r < rows; ++r) f(one, four, r, first, KvAhead());
      first += 4;
    }
  }
  for (; first < n; ++first) {
    for (std::size_t r = 0; r < rows; ++r) f(one, one, r, first, KvAhead());
  }
}

/// f(constant rows, constant keys, first row, first key, ahead) for all pairs of `rows` query rows and n keys at
/// `keys`, `stride` bytes apart, as many at a time as there are registers for. Only the first query rows prefetch. The
/// last keys, fewer than a step, are multiplied with one row at a time, which gives the same bits.
template <class Format, class Arch, class F>
VLMT_INLINE void for_pairs(std::size_t rows, std::size_t dim, const std::byte* keys, std::size_t stride, std::size_t n,
                           F&& f) noexcept {
  constexpr std::integral_constant<std::size_t, 1> one{};
  constexpr std::integral_constant<std::size_t, 2> two{};
  [[maybe_unused]] constexpr std::integral_constant<std::size_t, 4> four{};
  constexpr std::size_t step = key_step_v<Arch>;
  const std::size_t bytes = dim / Format::values * sizeof(typename Format::Block);
  std::size_t j = 0;
  for (; j + step <= n; j += step) {
    const KvAhead ahead(keys + j * stride, stride, bytes);
    const auto some = [&](auto count, std::size_t r) VLMT_INLINE_LAMBDA {
      constexpr std::integral_constant<std::size_t, side_keys_v<Format, Arch, count>> side;
      for (std::size_t k = 0; k < step; k += side) {
        f(count, side, r, j + k, r == 0 ? ahead.skip(k * bytes) : KvAhead());
      }
    };
    std::size_t r = 0;
    if constexpr (many_registers_v<Arch>) {
      for (; r + 4 <= rows; r += 4) some(four, r);
    }
    for (; r + 2 <= rows; r += 2) some(two, r);
    if (r < rows) some(one, r);
  }
  if (j < n) for_last_pairs<Format, Arch>(rows, j, n, f);
}

}  // namespace detail

/// s[r * row_stride + j] = q (rows, dim) row r times key j, for n keys, `stride` bytes apart.
template <class Format, class Arch>
void dot_kv_rows(const float* q, std::size_t rows, std::size_t dim, const std::byte* keys, std::size_t stride,
                 std::size_t n, float* s, std::size_t row_stride) noexcept {
  detail::for_pairs<Format, Arch>(
      rows, dim, keys, stride, n,
      [&](auto count, auto side, std::size_t r, std::size_t j, detail::KvAhead ahead) VLMT_INLINE_LAMBDA {
        detail::dot_block<Format, Arch, count, side>(q + r * dim, dim, keys + j * stride, stride, ahead,
                                                     s + r * row_stride + j, row_stride);
      });
}

/// o (rows, dim) += p times n values, `stride` bytes apart; p[r * row_stride + j] is the weight of value j for row r.
template <class Format, class Arch>
void weigh_kv_rows(const float* p, std::size_t row_stride, std::size_t rows, std::size_t dim, const std::byte* values,
                   std::size_t stride, std::size_t n, float* o) noexcept {
  detail::for_pairs<Format, Arch>(
      rows, dim, values, stride, n,
      [&](auto count, auto side, std::size_t r, std::size_t j, detail::KvAhead ahead) VLMT_INLINE_LAMBDA {
        detail::weigh_block<Format, Arch, count, side>(p + r * row_stride + j, row_stride, values + j * stride, stride,
                                                       dim, ahead, o + r * dim);
      });
}

}  // namespace cpu

VLMT_END_NAMESPACE
