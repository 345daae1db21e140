// Speed of matmul beside its limits, for every weight format, over matrices that are read from memory: bytes of weights
// and operations per second, and as `fraction` of the nearer limit. The limits of vlmt/bench/limits.hpp are measured
// next to each result with the same team, so that a busy machine slows both.
//
//   bench-matmul --benchmark_filter='decode/Q4_K'        VLMT_BENCH_THREADS=2 sets the team
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "vlmt/bench/limits.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/quant/formats.hpp"

namespace {

using namespace vlmt;
using A = arch::native;

/// Bytes of weights that a case passes over: too many for last-level caches to hold.
constexpr std::size_t memory = std::size_t{1} << 30;

std::size_t threads() {
  const char* n = std::getenv("VLMT_BENCH_THREADS");
  return n != nullptr ? static_cast<std::size_t>(std::max(1, std::atoi(n))) : OmpTeam().size();
}

struct Setup {
  OmpTeam team{threads()};
  Buffer weights{std::max(memory, bench::limit_bytes())};

  Setup() {
    // 0x12 in every byte gives small normal numbers as F16, BF16, F32 and as the scales of every format.
    team.run([&](Member& m) {
      const Range r = m.share(weights.bytes(), 4096);
      std::memset(weights.data() + r.begin, 0x12, r.size());
    });
  }
};

Setup& setup() {
  static Setup s;
  return s;
}

/// Operations per second that bound many rows.
template <bool Int8>
double arithmetic_limit(OmpTeam& team) {
  return Int8 ? bench::grouped_int8_limit<A>(team) : bench::float_limit<A>(team);
}

/// Multiplies n rows of activations with (rows, cols) weights, over consecutive matrices in `memory` bytes.
template <class Format>
void multiply(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto cols = static_cast<std::size_t>(state.range(1));
  const auto rows = static_cast<std::size_t>(state.range(2));
  Setup& s = setup();
  const std::size_t bytes = packed_bytes<Format, A>(rows, cols);
  // Fewer matrices for more rows, to keep a case at some tenths of a second.
  const std::size_t matrices = std::max<std::size_t>(1, memory / bytes / (1 + n / 16));
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
  const double read_bytes = static_cast<double>(matrices * bytes);
  const double operations = 2.0 * static_cast<double>(matrices * n) * static_cast<double>(rows * cols);
  std::vector<double> seconds, fractions;
  for (auto _ : state) {
    const double least =
        std::max(read_bytes / bench::read_limit<A>(s.team, s.weights), operations / arithmetic_limit<int8>(s.team));
    const double t = bench::seconds([&] {
      s.team.run([&](Member& m) {
        for (std::size_t i = 0; i < matrices; ++i) {
          matmul(make_packed_matrix<Format, A>(s.weights.data() + i * bytes, rows, cols), act, Store<A>{y.data(), rows},
                 m);
          m.barrier();
        }
      });
    });
    state.SetIterationTime(t);
    seconds.push_back(t);
    fractions.push_back(least / t);
  }
  const auto median = [](std::vector<double>& v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
  };
  const double t = median(seconds);
  state.counters["GB/s"] = read_bytes / t * 1e-9;
  state.counters["Gop/s"] = operations / t * 1e-9;
  state.counters["fraction"] = median(fractions);
}

template <class Format>
void add() {
  const std::string name(Format::name);
  // Inner length and outputs: attention and MLP projections of the 2B model, and its vision encoder.
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{2048, 2048}, {2048, 6144}, {6144, 2048}, {1024, 4096}}) {
    for (const std::int64_t n : {1, 2, 4, 8, 12, 16, 24, 48, 256}) {
      const std::string rows = n == 1 ? "decode/" : n < 256 ? "batch/" : "prefill/";
      benchmark::RegisterBenchmark((rows + name).c_str(), multiply<Format>)
          ->Args({n, shape[0], shape[1]})
          ->UseManualTime()
          ->Iterations(5)
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
