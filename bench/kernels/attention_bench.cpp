// Speed of attention beside its limits. Prefill and vision, on one thread: multiply-adds per second, to compare with
// `peak`. Decode, on all threads or VLMT_BENCH_THREADS: bytes of KV cache per second over layers of 4 GiB (less on
// machines with little memory), and as `fraction` of what the team can read.
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
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/cpu/unroll.hpp"

namespace {

using namespace vlmt;
using Arch = arch::native;

/// Peak multiply-adds per second: all operands in registers.
void peak(benchmark::State& state) {
  using F = simd::Floats<Arch>;
  constexpr std::size_t chains = 10;
  F sum[chains];
  for (F& s : sum) s = F(1.0f);
  const F a(0.999f), b(1e-3f);
  for (auto _ : state) {
    for (int i = 0; i < 1000; ++i) cpu::detail::unroll<chains>([&](auto k) { sum[k] = fma(sum[k], a, b); });
  }
  F total = F::zero();
  for (const F& s : sum) total += s;
  benchmark::DoNotOptimize(reduce_add(total));
  state.counters["products/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 1000.0 * chains * F::lanes, benchmark::Counter::kIsRate);
}
BENCHMARK(peak);

struct Data {
  std::size_t n, heads, kv_heads, dim, slots;
  Buffer queries, out, cache, tiles, partials;
  KvView kv;

  Data(std::size_t tokens, std::size_t q, std::size_t k, std::size_t d, std::size_t length, const KvLeaf& leaf)
      : n(tokens),
        heads(q),
        kv_heads(k),
        dim(d),
        slots(length),
        queries(tokens * q * d * sizeof(float)),
        out(tokens * q * d * sizeof(float)),
        cache(2 * kv_rows_bytes(leaf, k, d, length)),
        tiles(attention_tile_floats(d) * sizeof(float)),
        partials(attention_partial_floats(1, q, d, length) * sizeof(float)) {
    std::byte* values = cache.data() + kv_rows_bytes(leaf, k, d, length);
    kv = {kv_rows(cache.data(), leaf, d, length), kv_rows(values, leaf, d, length), k, d, length};
    std::uint32_t state = 1;
    const auto next = [&state] {
      state = state * 1664525u + 1013904223u;
      return static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
    };
    std::vector<float> row(d);
    for (std::size_t h = 0; h < k; ++h) {
      for (std::size_t s = 0; s < length; ++s) {
        for (float& v : row) v = next();
        leaf.store(row.data(), d, kv.key_row(h, s));
        leaf.store(row.data(), d, kv.value_row(h, s));
      }
    }
    auto* x = reinterpret_cast<float*>(queries.data());
    for (std::size_t i = 0; i < n * q * d; ++i) x[i] = next();
  }
  QueryRows rows() const { return {reinterpret_cast<const float*>(queries.data()), heads * dim, n, heads}; }
  F32Rows sink() const { return {reinterpret_cast<float*>(out.data()), heads * dim}; }
  AttentionScratch scratch() const {
    return {reinterpret_cast<float*>(tiles.data()), reinterpret_cast<float*>(partials.data()), slots};
  }
};

template <class Variant>
void many(benchmark::State& state, const Variant& variant, std::size_t n, std::size_t heads, std::size_t kv_heads,
          std::size_t dim, std::int32_t start, const KvLeaf& leaf) {
  const Data data(n, heads, kv_heads, dim, static_cast<std::size_t>(start) + n, leaf);
  for (auto _ : state) {
    attention<Arch>(variant, data.rows(), data.kv, 0.1f, &start, data.sink(), data.scratch());
    benchmark::ClobberMemory();
  }
  double pairs = 0.0;
  for (std::size_t t = 0; t < n; ++t) {
    const KeyRange seen = variant.keys(start + static_cast<int>(t), start + static_cast<int>(n));
    pairs += seen.end - seen.begin;
  }
  state.counters["products/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * pairs * static_cast<double>(2 * heads * dim),
                         benchmark::Counter::kIsRate);
}

/// Decodes one token over the caches of as many layers as the read limit is measured over.
void one(benchmark::State& state, std::size_t heads, std::size_t kv_heads, std::size_t slots, const KvLeaf& leaf) {
  constexpr std::size_t dim = 128;
  const char* threads = std::getenv("VLMT_BENCH_THREADS");
  OmpTeam team(threads != nullptr ? static_cast<std::size_t>(std::max(1, std::atoi(threads))) : OmpTeam().size());
  const Data first(1, heads, kv_heads, dim, slots, leaf);
  const std::size_t half = kv_rows_bytes(leaf, kv_heads, dim, slots);
  const std::size_t layers = bench::limit_bytes() / (2 * half) + 1;
  Buffer caches(layers * 2 * half);
  for (std::size_t l = 0; l < layers; ++l) std::memcpy(caches.data() + l * 2 * half, first.cache.data(), 2 * half);
  Buffer tiles(attention_tile_floats(dim) * sizeof(float) * team.size());
  const AttentionScratch scratch{reinterpret_cast<float*>(tiles.data()),
                                 reinterpret_cast<float*>(first.partials.data()), slots};
  const auto start = static_cast<std::int32_t>(slots - 1);
  double fraction = 0.0;
  for (auto _ : state) {
    const double limit = bench::read_limit<Arch>(team, caches);
    const double t = bench::seconds([&] {
      team.run([&](Member& m) {
        for (std::size_t l = 0; l < layers; ++l) {
          std::byte* keys = caches.data() + l * 2 * half;
          const KvView kv{kv_rows(keys, leaf, dim, slots), kv_rows(keys + half, leaf, dim, slots), kv_heads, dim,
                          slots};
          attention_split<Arch>(CausalAttention{}, first.rows(), kv, 0.1f, &start, scratch, m);
          m.barrier();
          attention_merge<Arch>(CausalAttention{}, first.rows(), kv, 0.1f, &start, first.sink(), scratch, m);
          m.barrier();
        }
      });
    });
    state.SetIterationTime(t);
    fraction += static_cast<double>(caches.bytes()) / t / limit;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(caches.bytes()));
  state.counters["fraction"] = fraction / static_cast<double>(state.iterations());
}

BENCHMARK_CAPTURE(many, vision_1024_64, FullAttention{}, 1024, 16, 16, 64, 0, kv_leaf_v<F32, Arch>);
BENCHMARK_CAPTURE(many, vision_4096_64, FullAttention{}, 4096, 16, 16, 64, 0, kv_leaf_v<F32, Arch>);
BENCHMARK_CAPTURE(many, vision_4096_72, FullAttention{}, 4096, 16, 16, 72, 0, kv_leaf_v<F32, Arch>);
BENCHMARK_CAPTURE(many, vision_16384_64_two_heads, FullAttention{}, 16384, 2, 2, 64, 0, kv_leaf_v<F32, Arch>);
BENCHMARK_CAPTURE(many, prefill_256, CausalAttention{}, 256, 16, 8, 128, 0, kv_leaf_v<F16, Arch>);
BENCHMARK_CAPTURE(many, prefill_512, CausalAttention{}, 512, 16, 8, 128, 0, kv_leaf_v<F16, Arch>);
BENCHMARK_CAPTURE(many, prefill_2048, CausalAttention{}, 2048, 16, 8, 128, 0, kv_leaf_v<F16, Arch>);
BENCHMARK_CAPTURE(many, prefill_512_after_4096, CausalAttention{}, 512, 16, 8, 128, 4096, kv_leaf_v<F16, Arch>);
BENCHMARK_CAPTURE(many, prefill_512_after_4096_q8, CausalAttention{}, 512, 16, 8, 128, 4096, kv_leaf_v<Q8_0, Arch>);
BENCHMARK_CAPTURE(many, window_1024_of_8192, SlidingWindow<1024>{}, 512, 16, 8, 128, 7680, kv_leaf_v<F16, Arch>);
BENCHMARK_CAPTURE(one, f32_8192, 16, 8, 8192, kv_leaf_v<F32, Arch>)->UseManualTime()->Iterations(5);
BENCHMARK_CAPTURE(one, f16_8192, 16, 8, 8192, kv_leaf_v<F16, Arch>)->UseManualTime()->Iterations(5);
BENCHMARK_CAPTURE(one, bf16_8192, 16, 8, 8192, kv_leaf_v<BF16, Arch>)->UseManualTime()->Iterations(5);
BENCHMARK_CAPTURE(one, q8_0_8192, 16, 8, 8192, kv_leaf_v<Q8_0, Arch>)->UseManualTime()->Iterations(5);
BENCHMARK_CAPTURE(one, q4_0_8192, 16, 8, 8192, kv_leaf_v<Q4_0, Arch>)->UseManualTime()->Iterations(5);
BENCHMARK_CAPTURE(one, f16_32768_group_8, 32, 4, 32768, kv_leaf_v<F16, Arch>)->UseManualTime()->Iterations(5);

}  // namespace

BENCHMARK_MAIN();
