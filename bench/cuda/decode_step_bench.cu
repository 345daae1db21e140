// A decode step of models of usual sizes with random weights, as one graph, and the same without some of its kernels:
// the differences are their times.
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/kernel/cuda/lower.cuh"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/rope_policy.hpp"

#include "measure.cuh"
#include "weights.cuh"

namespace vlmt::cuda_bench {
namespace {

struct Sizes {
  const char* name;
  std::size_t hidden, heads, kv_heads, dim, ffn, layers;
  static constexpr std::size_t vocab = 151936;
};

/// Matrices of the whole model, one after the other.
class Weights {
 public:
  explicit Weights(std::size_t bytes) : memory_(bytes) {}
  template <class Format>
  cuda::Matrix take(std::size_t rows, std::size_t cols, cudaStream_t stream) {
    std::byte* at = memory_.data() + used_;
    used_ = round_up(used_ + cuda::matrix_bytes(Format::type_id, rows, cols), std::size_t{256});
    VLMT_ASSERT_LE("Weights", used_, memory_.bytes());
    const std::size_t blocks = rows * cols / Format::values;
    const CudaBuffer file((blocks + 1) * sizeof(typename Format::Block));
    fill_blocks<Format>(file.data(), blocks, static_cast<std::uint32_t>(used_), stream);
    cuda::store_matrix(Format::type_id, file.data(), rows, cols, at, stream);
    cuda::check(cudaStreamSynchronize(stream), "random weights");
    return {at, Format::type_id, rows, cols, 1.0f, cuda::tile_groups(Format::type_id, cols)};
  }
  std::size_t used() const { return used_; }

 private:
  CudaBuffer memory_;
  std::size_t used_ = 0;
};

struct Layer {
  cuda::Matrix q, k, v, out, gate, up, down;
};

/// Values and down in More where the usual mixes have more bits: in every second layer here.
template <class Format, class More>
void measure(const Measurement& m, double limit, const Sizes& s, std::size_t length) {
  const std::size_t q = s.heads * s.dim, kv = s.kv_heads * s.dim, width = q + 2 * kv;
  const std::size_t values = s.layers * (s.hidden * (width + q) + 3 * s.hidden * s.ffn) + Sizes::vocab * s.hidden;
  Weights weights(values * 11 / 8);
  std::vector<Layer> layers(s.layers);
  for (std::size_t l = 0; l < s.layers; ++l) {
    Layer& w = layers[l];
    w.q = weights.take<Format>(q, s.hidden, m.stream());
    w.k = weights.take<Format>(kv, s.hidden, m.stream());
    w.v = l % 2 == 0 ? weights.take<More>(kv, s.hidden, m.stream()) : weights.take<Format>(kv, s.hidden, m.stream());
    w.out = weights.take<Format>(s.hidden, q, m.stream());
    w.gate = weights.take<Format>(s.ffn, s.hidden, m.stream());
    w.up = weights.take<Format>(s.ffn, s.hidden, m.stream());
    w.down = l % 2 == 0 ? weights.take<More>(s.hidden, s.ffn, m.stream())
                        : weights.take<Format>(s.hidden, s.ffn, m.stream());
  }
  const cuda::Matrix head = weights.take<More>(Sizes::vocab, s.hidden, m.stream());

  constexpr std::size_t slots = 256;
  const cuda::KvPageLayout layout{F16::type_id, F16::type_id, s.kv_heads, s.dim, slots};
  const std::size_t pages = (length + slots) / slots, page_bytes = s.layers * layout.layer_bytes();
  const CudaBuffer cache(pages * page_bytes);
  const CudaBuffer memory(std::size_t{64} << 20);
  Carver carver(memory.data(), memory.bytes());
  using Types = BackendTypes<Cuda>;
  cuda::Sequences sequences = cuda::Sequences::take(carver, 1, pages).of(1);
  sequences.layout = layout;
  std::vector<std::byte*> addresses;
  for (std::size_t p = 0; p < pages; ++p) addresses.push_back(cache.data() + p * page_bytes);
  sequences.set(0, addresses, length, 0, 1, m.stream());
  float* x = carver.take<float>(s.hidden);
  float* qkv = carver.take<float>(width);
  float* logits = carver.take<float>(Sizes::vocab);
  float* angles = carver.take<float>(s.dim);
  float* norm = carver.take<float>(s.hidden);
  fill_floats(x, s.hidden, 1, m.stream());
  fill_floats(angles, s.dim, 2, m.stream());
  fill_floats(norm, s.hidden, 3, m.stream());
  const auto input = Types::take_rows(carver, 1, s.hidden), merged = Types::take_rows(carver, 1, q),
             inner = Types::take_rows(carver, 1, s.ffn);
  const auto scratch = Types::take_attend(carver, s.heads, s.dim, length, 1, 1);
  const auto rows = [&](const auto& buffer, std::size_t cols, const auto&... readers) {
    return Types::rows(buffer, Numerics::fast, 1, cols, 1, readers...);
  };

  const auto step = [&](std::string_view without) {
    const auto run = [&](std::string_view name, const auto& op) {
      if (name != without) lower(Cuda{}, op, m.stream());
    };
    for (std::size_t l = 0; l < s.layers; ++l) {
      const Layer& w = layers[l];
      const auto in = rows(input, s.hidden, w.q, w.k, w.v);
      run("norms", op::Normalise{RmsNorm{norm, 1e-6f}, x, 1, s.hidden, in});
      using Heads = op::RotateAndCache<RmsQkNorm, RopeHalves, cuda::Sequences>;
      run("qkv and heads",
          op::Product{in, op::Qkv{w.q, w.k, w.v},
                      Heads{{{norm, 1e-6f}, {norm, 1e-6f}}, angles, qkv, s.heads, s.kv_heads, s.dim, sequences, l}});
      const auto attended = rows(merged, q, w.out);
      run("attention", op::Attend<CausalAttention, cuda::Sequences, cuda::Rows, cuda::AttendScratch>{
                           {}, qkv, width, s.heads, s.dim, 0.088f, sequences, l, attended, scratch});
      run("attention out", op::Product{attended, op::One{w.out}, op::Add{x, s.hidden}});
      const auto in2 = rows(input, s.hidden, w.gate, w.up);
      run("norms", op::Normalise{RmsNorm{norm, 1e-6f}, x, 1, s.hidden, in2});
      const auto gated = rows(inner, s.ffn, w.down);
      run("gate and up", op::Product{in2, op::Pair{w.gate, w.up}, op::Gate<Silu, cuda::Rows>{gated}});
      run("down", op::Product{gated, op::One{w.down}, op::Add{x, s.hidden}});
    }
    const auto in = rows(input, s.hidden, head);
    run("norms", op::Normalise{RmsNorm{norm, 1e-6f}, x, 1, s.hidden, in});
    run("head", op::Product{in, op::One{head}, op::Store{logits, Sizes::vocab}});
  };
  const std::string name =
      std::string(s.name) + " " + std::string(Format::name) + ", " + std::to_string(length) + " slots";
  const auto bytes = static_cast<double>(weights.used());
  const Time all = m.time(1, [&](std::size_t) { step(""); });
  report(name, all, bytes, 0.0, limit);
  std::printf("{\"name\": \"%s: tokens a second\", \"us\": %.1f}\n", name.c_str(), 1e6 / all.median);
  for (const char* part : {"norms", "qkv and heads", "attention", "attention out", "gate and up", "down", "head"}) {
    const Time rest = m.time(1, [&](std::size_t) { step(part); });
    report(name + ": " + part, {all.median - rest.median, all.low - rest.high, all.high - rest.low}, 0.0, 0.0, limit);
  }
  cuda::early_starts = false;
  report(name + ": without early starts", m.time(1, [&](std::size_t) { step(""); }), bytes, 0.0, limit);
  cuda::early_starts = true;
}

}  // namespace

void run() {
  const Measurement m;
  const double limit = read_limit(m);
  const Sizes b2{"2B", 2048, 16, 8, 128, 6144, 28}, b4{"4B", 2560, 32, 8, 128, 9728, 36},
      b8{"8B", 4096, 32, 8, 128, 12288, 36};
  measure<Q4_K, Q6_K>(m, limit, b2, 128);
  measure<Q4_K, Q6_K>(m, limit, b4, 128);
  measure<Q4_K, Q6_K>(m, limit, b8, 128);
  measure<Q4_K, Q6_K>(m, limit, b8, 8192);
  measure<Q5_K, Q6_K>(m, limit, b8, 128);
  measure<Q8_0, Q8_0>(m, limit, b8, 128);
}

}  // namespace vlmt::cuda_bench

int main() {
  try {
    vlmt::cuda_bench::run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
