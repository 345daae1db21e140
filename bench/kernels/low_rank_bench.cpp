// Cost of a low-rank delta (LoRA) of a decode product: 1 row times (out, in) weights read from memory, with and without
// an adapter of binary16 values for each matrix. `cost` is the time that the delta adds, as a fraction of the
// product's.
//
//   bench-low-rank        VLMT_BENCH_THREADS=2 sets the team
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include "vlmt/bench/limits.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/step_now.hpp"
#include "vlmt/kernel/cpu/lower_products.hpp"
#include "vlmt/kernel/cpu/lower_rows.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/quant/q4_k.hpp"

namespace {

using namespace vlmt;
using A = arch::native;

/// Bytes of weights that a case passes over: too many for last-level caches to hold.
constexpr std::size_t memory = std::size_t{512} << 20;

std::size_t threads() {
  const char* n = std::getenv("VLMT_BENCH_THREADS");
  return n != nullptr ? static_cast<std::size_t>(std::max(1, std::atoi(n))) : OmpTeam().size();
}

void decode(benchmark::State& state) {
  const auto in = static_cast<std::size_t>(state.range(0));
  const auto out = static_cast<std::size_t>(state.range(1));
  const auto rank = static_cast<std::size_t>(state.range(2));
  OmpTeam team(threads());
  const std::size_t bytes = packed_bytes<Q4_K, A>(out, in);
  const std::size_t matrices = memory / bytes;
  const std::size_t adapter_values = rank * in + low_rank_up_values(out, rank);
  // 0x12 in every byte gives small normal numbers, also as scales of blocks.
  // Both large enough for huge pages.
  Buffer weights(matrices * bytes);
  Buffer adapters(std::max(std::size_t{64} << 20, matrices * adapter_values * sizeof(float16)));
  team.run([&](Member& m) {
    for (const Buffer* b : {&weights, &adapters}) {
      const Range r = m.share(b->bytes(), 4096);
      std::memset(b->data() + r.begin, 0x12, r.size());
    }
  });
  std::vector<float> x(in), y(out), t(rank);
  for (std::size_t i = 0; i < in; ++i) x[i] = static_cast<float>(i * 7919 % 2001) * 1e-3f - 1.0f;
  Carver counter;
  InputRows::take<A>(counter, 1, in);
  Buffer row_memory(counter.bytes());
  Carver carver(row_memory.data(), row_memory.bytes());
  const InputRows buffer = InputRows::take<A>(carver, 1, in);
  std::copy(x.begin(), x.end(), buffer.x);
  const std::int32_t adapter = 0;

  const auto matrix = [&](std::size_t i) { return make_packed_matrix<Q4_K, A>(weights.data() + i * bytes, out, in); };
  const cpu::FormedRows rows =
      BackendTypes<Cpu<A>>::rows(buffer, Numerics::fast, 1, in, 1, matrix(0), op::FloatReader{});
  team.run([&](Member& m) { StepNow<Cpu<A>>{m}(op::Convert<cpu::FormedRows>{rows}); });
  const op::Store store{y.data(), out};
  const auto plain = [&] {
    team.run([&](Member& m) {
      StepNow<Cpu<A>> step(m);
      for (std::size_t i = 0; i < matrices; ++i) step(op::Product{rows, op::One{matrix(i)}, store});
    });
  };
  const auto adapted = [&] {
    team.run([&](Member& m) {
      StepNow<Cpu<A>> step(m);
      for (std::size_t i = 0; i < matrices; ++i) {
        const auto* down = reinterpret_cast<const float16*>(adapters.data()) + i * adapter_values;
        step(op::LowRank<cpu::FormedRows, float16>{rows, down, &adapter, 1, rank, t.data()});
        step(op::Product{
            rows, op::One{matrix(i)},
            op::Adapted<op::Store, float16, 1>{store, {{down + rank * in, &adapter, t.data(), rank, rank, out}}}});
      }
    });
  };
  // The fastest runs of each kind, taken in turn: what else runs on the machine slows both.
  double without = bench::seconds(plain), with = bench::seconds(adapted);
  for (auto _ : state) {
    without = std::min(without, bench::seconds(plain));
    const double seconds = bench::seconds(adapted);
    with = std::min(with, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["us"] = with / static_cast<double>(matrices) * 1e6;
  state.counters["cost"] = with / without - 1.0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{2048, 2048}, {2048, 6144}, {6144, 2048}}) {
    for (const std::int64_t rank : {8, 16, 64}) {
      benchmark::RegisterBenchmark("decode/Q4_K", decode)
          ->Args({shape[0], shape[1], rank})
          ->UseManualTime()
          ->Iterations(20)
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
