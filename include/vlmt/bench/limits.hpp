// Measured ceilings of the processor: the limits that kernels are compared with.
//
// Each function runs its loop on all members of a team, long enough for the sustained rate: a model cannot use short
// bursts. Arithmetic loops use registers only; an empty asm statement after each instruction (pin) stops the compiler
// from removing or merging instructions.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/cpu/dot.hpp"
#include "vlmt/kernel/cpu/pin.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/kernel/cpu/tile_products.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"
#include "vlmt/runtime/available_memory.hpp"

VLMT_BEGIN_NAMESPACE

namespace bench {

/// Wall-clock seconds of f().
template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

namespace detail {

using cpu::detail::pin;

/// Independent dependency chains: enough to hide the latency of any instruction used here.
inline constexpr std::size_t chains = 12;

/// Chains for groups of byte products. Without Dot::step the pair sums supply independent operations and need two
/// registers per chain, so there are fewer chains.
template <class Arch>
inline constexpr std::size_t int8_chains = cpu::Dot<Arch>::has_step ? chains : 4;

/// Operations per second of body(member) on all members, `work` operations per member and call: the median over 60 ms.
template <Team T, class Body>
double sustained(T& team, double work, Body&& body) {
  std::vector<double> rates;
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(60)) {
    std::size_t members = 1;
    const double t = seconds([&] {
      team.run([&](Member& m) {
        if (m.rank() == 0) members = m.size();
        body(m);
      });
    });
    rates.push_back(work * static_cast<double>(members) / t);
  }
  std::nth_element(rates.begin(), rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2), rates.end());
  return rates[rates.size() / 2];
}

/// Calls round(sums) Rounds times with the sums in registers. Not inlined: in a larger function compilers keep the
/// array in memory.
template <std::size_t Rounds, std::size_t Chains, class Register, class Round>
VLMT_NOINLINE void repeat(Register start, Round round) noexcept {
  Register sum[Chains];
  cpu::detail::unroll<Chains>([&](auto c) VLMT_INLINE_LAMBDA { sum[c] = start; });
  for (std::size_t i = 0; i < Rounds; ++i) round(sum);
  cpu::detail::unroll<Chains>([&](auto c) VLMT_INLINE_LAMBDA { pin(sum[c]); });
}

/// Operations per second of round(sums) with `work` operations on each sum; see sustained().
template <std::size_t Chains = chains, Team T, class Register, class Round>
double rate(T& team, Register start, double work, Round round) {
  constexpr std::size_t rounds = 1u << 15;
  return sustained(team, work * static_cast<double>(Chains * rounds),
                   [&](Member&) { repeat<rounds, Chains>(start, round); });
}

/// For each chain, dot[c] += 32 products of quants w and activations x in every lane. Pair sums are those of four-bit
/// quants, the cheapest case.
template <class Arch, std::size_t Chains>
VLMT_INLINE void add_group_of_products(typename simd::Ints<Arch>::Ops::I (&dot)[Chains],
                                       typename simd::Ints<Arch>::Ops::I w,
                                       typename simd::Ints<Arch>::Ops::I x) noexcept {
  using D = cpu::Dot<Arch>;
  using I = simd::Ints<Arch>;
  if constexpr (D::has_step) {
    cpu::detail::unroll<8>([&](auto) VLMT_INLINE_LAMBDA {
      cpu::detail::unroll<Chains>([&](auto c) VLMT_INLINE_LAMBDA {
        dot[c] = D::template step<false>(dot[c], w, x);
        pin(dot[c]);
      });
    });
  } else {
    typename I::Ops::I pairs[Chains];
    cpu::detail::unroll<8>([&](auto u) VLMT_INLINE_LAMBDA {
      cpu::detail::unroll<Chains>([&](auto c) VLMT_INLINE_LAMBDA {
        auto other = x;
        pin(other);  // hides that x is loop-invariant
        auto product = D::template products<false>(w, other);
        pin(product);
        pairs[c] = u == 0 ? product : D::add16(pairs[c], product);
        pin(pairs[c]);
      });
    });
    cpu::detail::unroll<Chains>([&](auto c) VLMT_INLINE_LAMBDA {
      dot[c] = (I(dot[c]) + I(D::widen(pairs[c]))).raw();
      pin(dot[c]);
    });
  }
}

}  // namespace detail

/// Memory bandwidth of the team in bytes per second: passes over `buffer` until at least 4 GiB are read. The buffer
/// should be many times larger than the last-level cache. 0 if it is smaller than 4096 bytes. Throws Cancelled soon
/// after `stop` is set.
template <class Arch, Team T>
double read_limit(T& team, const Buffer& buffer, const StopFlag* stop = nullptr) {
  using I = simd::Ints<Arch>;
  constexpr std::size_t least = std::size_t{4} << 30;
  constexpr std::size_t step = 8;
  constexpr std::size_t piece = std::size_t{8} << 20;  // values between two checks for a stop
  const std::size_t bytes = buffer.bytes() / 4096 * 4096;
  if (bytes == 0) return 0;
  const std::size_t passes = ceil_div(least, bytes);
  const double t = seconds([&] {
    const auto read = [&](Member& m) {
      const Range r = m.share(bytes / sizeof(std::int32_t), 1024);
      const auto* p = reinterpret_cast<const std::int32_t*>(buffer.data());
      typename I::Ops::I sum[step];
      cpu::detail::unroll<step>([&](auto u) VLMT_INLINE_LAMBDA { sum[u] = I(0).raw(); });
      for (std::size_t pass = 0; pass < passes; ++pass) {
        for (std::size_t first = r.begin; first < r.end && !m.stopped(); first += piece) {
          const std::size_t last = std::min(first + piece, r.end);
          for (std::size_t i = first; i < last; i += step * I::lanes) {
            cpu::detail::unroll<step>([&](auto u) VLMT_INLINE_LAMBDA {
              constexpr std::size_t line = 64 / sizeof(std::int32_t);
              if constexpr (u * I::lanes % line == 0) __builtin_prefetch(p + i + u * I::lanes + 2048, 0, 2);
              sum[u] = (I(sum[u]) ^ I::load(p + i + u * I::lanes)).raw();
            });
          }
        }
      }
      cpu::detail::unroll<step>([&](auto u) VLMT_INLINE_LAMBDA { detail::pin(sum[u]); });
    };
    team.run(read, stop);
  });
  return static_cast<double>(passes * bytes) / t;
}

/// float32 operations per second; a multiply-add counts as two.
template <class Arch, Team T>
double float_limit(T& team) {
  using F = simd::Floats<Arch>;
  using Raw = typename F::Ops::F;
  Raw a = F(0.5f).raw();
  Raw b = F(1.0f).raw();
  return detail::rate(team, b, 2.0 * F::lanes, [a, b](Raw(&sum)[detail::chains]) VLMT_INLINE_LAMBDA {
    cpu::detail::unroll<detail::chains>([&](auto c) VLMT_INLINE_LAMBDA {
      sum[c] = fma(F(sum[c]), F(a), F(b)).raw();
      detail::pin(sum[c]);
    });
  });
}

/// Byte products and their sums, in operations per second; a product with its addition counts as two.
template <class Arch, Team T>
double int8_limit(T& team) {
  using I = simd::Ints<Arch>;
  using Raw = typename I::Ops::I;
  constexpr std::size_t n = detail::int8_chains<Arch>;
  const Raw w = I(0x01020304).raw();
  const Raw x = I(0x04030201).raw();
  return detail::rate<n>(team, I(0).raw(), 64.0 * I::lanes,
                         [w, x](Raw(&sum)[n]) VLMT_INLINE_LAMBDA { detail::add_group_of_products<Arch>(sum, w, x); });
}

/// Like int8_limit, but every 32 products are converted to float, scaled and added, as block formats require: two
/// multiply-adds per eight product instructions. Sums that start at the bits of 1.5 * 2^23 need no conversion
/// (kernel/cpu/group_sums.hpp).
template <class Arch, Team T>
double grouped_int8_limit(T& team) {
  using F = simd::Floats<Arch>;
  using I = simd::Ints<Arch>;
  using Raw = typename I::Ops::I;
  using RawF = typename F::Ops::F;
  constexpr std::size_t n = detail::int8_chains<Arch>;
  const Raw w = I(0x01020304).raw();
  const Raw x = I(0x04030201).raw();
  // Loaded for every group: otherwise the compiler hoists the constant part of the sums out of the loop.
  alignas(64) std::int32_t start[I::lanes];
  I(0x4b400000).store(start);
  const std::int32_t* from = start;
  const RawF scale = F(0.5f).raw();
  const RawF base = F(-0x1.8p22f).raw();
  return detail::rate<n>(team, F(1.0f).raw(), 64.0 * I::lanes, [=](RawF(&sum)[n]) VLMT_INLINE_LAMBDA {
    Raw dot[n];
    const std::int32_t* p = from;
    asm volatile("" : "+r"(p));
    cpu::detail::unroll<n>([&](auto c) VLMT_INLINE_LAMBDA {
      dot[c] = I::load(p).raw();
      detail::pin(dot[c]);
    });
    detail::add_group_of_products<Arch>(dot, w, x);
    cpu::detail::unroll<n>([&](auto c) VLMT_INLINE_LAMBDA {
      RawF scaled = fma(from_bits(I(dot[c])), F(scale), F(base)).raw();
      detail::pin(scaled);
      sum[c] = fma(F(scaled), F(scale), F(sum[c])).raw();
      detail::pin(sum[c]);
    });
  });
}

/// No-op instructions per second on the processor of the calling thread, the minimum of six short runs: its front-end
/// rate. A program on the other hardware thread of the core halves it. The arithmetic limits do not show such a
/// neighbour, as execution units bound them; kernels, which also load and store, lose up to a third of their speed.
inline double instruction_rate() {
  constexpr int runs = 6, loops = 4000, instructions = 64;
  double least = 0;
  for (int run = 0; run < runs; ++run) {
    const double t = seconds([] {
      for (int i = 0; i < loops; ++i) asm volatile(".rept 64\n nop\n .endr");
    });
    const double rate = static_cast<double>(loops) * instructions / t;
    if (run == 0 || rate < least) least = rate;
  }
  return least;
}

/// binary16 operations per second, a multiply-add counting as two; 0 without AVX512-FP16 at compile time.
template <class Arch, Team T>
double float16_limit([[maybe_unused]] T& team) {
#if defined(__AVX512FP16__)
  if constexpr (std::is_base_of_v<arch::avx512, Arch>) {
    const __m512h a = _mm512_set1_ph(static_cast<_Float16>(0.5f));
    const __m512h b = _mm512_set1_ph(static_cast<_Float16>(1.0f));
    return detail::rate(team, b, 64.0, [a, b](__m512h(&sum)[detail::chains]) VLMT_INLINE_LAMBDA {
      cpu::detail::unroll<detail::chains>([&](auto c) VLMT_INLINE_LAMBDA {
        sum[c] = _mm512_fmadd_ph(sum[c], a, b);
        detail::pin(sum[c]);
      });
    });
  }
#endif
  return 0;
}

/// Operations per second of bfloat16 dot products with float32 sums; 0 without AVX512-BF16 at compile time.
template <class Arch, Team T>
double bfloat16_limit([[maybe_unused]] T& team) {
#if defined(__AVX512BF16__)
  if constexpr (std::is_base_of_v<arch::avx512, Arch>) {
    const __m512bh w = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
    return detail::rate(team, _mm512_set1_ps(1.0f), 64.0, [w](__m512(&sum)[detail::chains]) VLMT_INLINE_LAMBDA {
      cpu::detail::unroll<detail::chains>([&](auto c) VLMT_INLINE_LAMBDA {
        sum[c] = _mm512_dpbf16_ps(sum[c], w, w);
        detail::pin(sum[c]);
      });
    });
  }
#endif
  return 0;
}

/// Operations per second of bfloat16 products in AMX tiles; 0 on archs that do not use them.
template <class Arch, Team T>
double tile_limit([[maybe_unused]] T& team) {
#if VLMT_HAS_AVX512_AMX
  if constexpr (arch::rounds_to_bf16_v<Arch>) {
    constexpr int rounds = 1 << 13;
    constexpr double work = 4.0 * 2 * 16 * 16 * 32;
    return detail::sustained(team, work * rounds, [](Member&) {
      alignas(64) static constexpr std::byte zeros[1024] = {};
      _tile_loadconfig(&cpu::detail::bf16_tiles<32>);
      _tile_loadd(4, zeros, 64);
      _tile_loadd(5, zeros, 64);
      _tile_loadd(6, zeros, 64);
      _tile_loadd(7, zeros, 64);
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int i = 0; i < rounds; ++i) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_release();
    });
  }
#endif
  return 0;
}

/// All limits of a team.
struct Limits {
  double read = 0;          ///< bytes per second
  double grouped_int8 = 0;  ///< operations per second, as all below
  double int8 = 0;
  double float32 = 0;
  double float16 = 0;  ///< 0 if not available, as the two below
  double bfloat16 = 0;
  double tiles = 0;  ///< AMX bfloat16 tiles
};

/// Buffer size for read_limit: 4 GiB, as a last-level cache of 300 MiB holds much of 1 GiB. Halved while it exceeds a
/// third of the available memory, down to 64 MiB.
inline std::size_t limit_bytes() {
  const std::size_t available = available_memory();
  std::size_t bytes = std::size_t{4} << 30;
  while (available != 0 && bytes > available / 3 && bytes > std::size_t{64} << 20) bytes /= 2;
  return bytes;
}

/// A buffer for read_limit. Each member touches the pages that it will read (NUMA first touch). Throws Cancelled soon
/// after `stop` is set.
template <Team T>
Buffer limit_buffer(T& team, std::size_t bytes = limit_bytes(), const StopFlag* stop = nullptr) {
  constexpr std::size_t piece = std::size_t{32} << 20;
  Buffer buffer(bytes);
  const auto touch = [&](Member& m) {
    const Range r = m.share(bytes, 4096);
    for (std::size_t at = r.begin; at < r.end && !m.stopped(); at += piece) {
      std::memset(buffer.data() + at, 1, std::min(piece, r.end - at));
    }
  };
  team.run(touch, stop);
  return buffer;
}

/// Measures all limits, with a read buffer of `bytes`.
template <class Arch, Team T>
Limits measure_limits(T& team, std::size_t bytes = limit_bytes()) {
  Limits l;
  l.read = read_limit<Arch>(team, limit_buffer(team, bytes));
  l.grouped_int8 = grouped_int8_limit<Arch>(team);
  l.int8 = int8_limit<Arch>(team);
  l.float32 = float_limit<Arch>(team);
  l.float16 = float16_limit<Arch>(team);
  l.bfloat16 = bfloat16_limit<Arch>(team);
  l.tiles = tile_limit<Arch>(team);
  return l;
}

}  // namespace bench

VLMT_END_NAMESPACE
