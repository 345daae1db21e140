// How fast matmul is, beside its limits, for every weight format: bytes of weights a second where one row of
// activations meets weights that come from memory, products a second where many rows do. The limits (reading 1 GiB,
// int8 products with one scale in 32, float multiply-adds) are measured next to each result, in the same team, so that
// a busy machine slows both.
//
//   matmul-bench --benchmark_filter='decode/Q4_K'        VLMT_BENCH_THREADS=2 sets the team
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/quant/formats.hpp"

namespace {

using namespace vlmt;
using A = arch::native;

/// More than any last-level cache holds.
constexpr std::size_t memory = std::size_t{1} << 30;

std::size_t threads() {
  const char* n = std::getenv("VLMT_BENCH_THREADS");
  return n != nullptr ? static_cast<std::size_t>(std::max(1, std::atoi(n))) : OmpTeam().size();
}

struct Setup {
  OmpTeam team{threads()};
  Buffer weights{memory};

  Setup() {
    // Small normal numbers as F16, BF16 and F32, and as the scales of every format; quants that are not all equal.
    team.run([&](Member& m) {
      const Range r = m.share(memory, 4096);
      std::memset(weights.data() + r.begin, 0x12, r.size());
    });
  }
};

Setup& setup() {
  static Setup s;
  return s;
}

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Bytes a second that the team reads.
double read_limit() {
  Setup& s = setup();
  const double t = seconds([&] {
    s.team.run([&](Member& m) {
      using I = simd::Ints<A>;
      const Range r = m.share(memory / 4, 4096);
      const auto* p = reinterpret_cast<const std::int32_t*>(s.weights.data());
      I sum[4] = {I(0), I(0), I(0), I(0)};
      for (std::size_t i = r.begin; i < r.end; i += 4 * I::lanes) {
        VLMT_UNROLL
        for (std::size_t u = 0; u < 4; ++u) sum[u] = sum[u] ^ I::load(p + i + u * I::lanes);
      }
      benchmark::DoNotOptimize(reduce_add((sum[0] ^ sum[1]) ^ (sum[2] ^ sum[3])));
    });
  });
  return static_cast<double>(memory) / t;
}

/// Keeps the compiler from computing with a register ahead of time.
template <class Register>
VLMT_INLINE void opaque(Register& r) noexcept {
#if defined(__x86_64__)
  asm volatile("" : "+v"(r));
#else
  asm volatile("" : "+w"(r));
#endif
}

/// Multiply-adds a second of the team, with everything in registers: float products, or int8 products of which 32 share
/// a scale that costs two float operations.
template <bool Int8>
double arithmetic_limit() {
  using F = simd::Floats<A>;
  using I = simd::Ints<A>;
  using cpu::detail::unroll;
  constexpr std::size_t chains = 12;
  constexpr std::size_t rounds = 1u << 19;
  constexpr bool dots = Int8 && cpu::Dot<A>::has_step;
  Setup& s = setup();
  std::size_t members = 1;
  const double t = seconds([&] {
    s.team.run([&](Member& m) {
      if (m.rank() == 0) members = m.size();
      typename F::Ops::F sum[chains];
      unroll<chains>([&](auto c) VLMT_INLINE_LAMBDA { sum[c] = F(1.0f).raw(); });
      if constexpr (dots) {
        auto w = I(0x01020304).raw();
        auto x = I(0x04030201).raw();
        for (std::size_t i = 0; i < rounds / 8; ++i) {
          typename I::Ops::I dot[chains];
          unroll<chains>([&](auto c) VLMT_INLINE_LAMBDA { dot[c] = I(0).raw(); });
          unroll<8>([&](auto) VLMT_INLINE_LAMBDA {
            unroll<chains>([&](auto c) VLMT_INLINE_LAMBDA {
              dot[c] = cpu::Dot<A>::step(dot[c], w, x);
              opaque(dot[c]);
            });
          });
          unroll<chains>([&](auto c) VLMT_INLINE_LAMBDA {
            auto scaled = (to_float(I(dot[c])) * F(0.5f)).raw();
            opaque(scaled);
            sum[c] = fma(F(scaled), F(0.5f), F(sum[c])).raw();
            opaque(sum[c]);
          });
        }
      } else {
        auto a = F(0.5f).raw();
        auto b = F(1.0f).raw();
        for (std::size_t i = 0; i < rounds; ++i) {
          opaque(a);
          opaque(b);
          unroll<chains>([&](auto c) VLMT_INLINE_LAMBDA {
            sum[c] = fma(F(sum[c]), F(a), F(b)).raw();
            opaque(sum[c]);
          });
        }
      }
    });
  });
  return (dots ? 4.0 : 1.0) * F::lanes * chains * rounds * static_cast<double>(members) / t;
}

/// n rows of activations times (rows, cols) weights, over matrices that follow each other through `memory`.
template <class Format>
void multiply(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const auto rows = static_cast<std::size_t>(state.range(2));
  Setup& s = setup();
  const std::size_t bytes = packed_bytes<Format, A>(rows, cols);
  const std::size_t matrices = n > 16 ? 1 : memory / bytes;
  std::vector<float> x(n * cols), y(n * rows);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 2001) * 1e-3f - 1.0f;
  constexpr bool int8 = Format::values > 1;
  std::vector<Int8Group> groups(int8 ? QuantizedRows::count(n, cols) : 0);
  Activations act = float_rows(x.data(), n, cols);
  if (int8) {
    act.q = {groups.data(), QuantizedRows::row_groups(cols)};
    Solo solo;
    quantize_rows<A>(x.data(), n, cols, cols, act.q, solo.member());
  }
  double best = 1e30, limit = 0;
  for (auto _ : state) {
    limit = std::max(limit, n > 16 ? arithmetic_limit<int8>() : read_limit());
    const double t = seconds([&] {
      s.team.run([&](Member& m) {
        for (std::size_t i = 0; i < matrices; ++i) {
          matmul(make_packed_matrix<Format, A>(s.weights.data() + i * bytes, rows, cols), act, Store<A>{y.data(), rows},
                 m);
          m.barrier();
        }
      });
    });
    state.SetIterationTime(t);
    best = std::min(best, t);
  }
  const double work = static_cast<double>(matrices) *
                      (n > 16 ? static_cast<double>(n) * static_cast<double>(rows * cols) : static_cast<double>(bytes));
  state.counters[n > 16 ? "GMAC/s" : "GB/s"] = work / best * 1e-9;
  state.counters["limit"] = limit * 1e-9;
  state.counters["fraction"] = work / best / limit;
}

template <class Format>
void add() {
  const std::string name(Format::name);
  // Rows, inner length, outputs: attention and MLP projections of the 2B model, and its vision tower.
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{2048, 2048}, {2048, 6144}, {6144, 2048}, {1024, 4096}}) {
    for (const std::int64_t n : {1, 4, 256}) {
      benchmark::RegisterBenchmark(((n == 1   ? "decode/"
                                     : n == 4 ? "batch/"
                                              : "prefill/") +
                                    name)
                                       .c_str(),
                                   multiply<Format>)
          ->Args({n, shape[0], shape[1]})
          ->UseManualTime()
          ->Iterations(7)
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for_each_type(formats::all{}, [](auto tag) { add<typename decltype(tag)::type>(); });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
