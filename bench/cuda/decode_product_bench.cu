// Products of one to four rows with quantised weights in tiles, beside the speed of reading memory.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/lower.cuh"
#include "vlmt/op/activation.hpp"

#include "measure.cuh"
#include "weights.cuh"

namespace vlmt::cuda_bench {
namespace {

template <class Format>
void measure(const Measurement& m, double limit, const std::vector<Shape>& shapes, const std::vector<std::size_t>& ns) {
  for (const Shape& s : shapes) {
    const Copies<Format> w(s.rows, s.cols, m.stream());
    for (const std::size_t n : ns) {
      const CudaBuffer memory(n * (s.cols * 8 + s.rows * 8) + 4096);
      Carver carver(memory.data(), memory.bytes());
      const auto buffer = BackendTypes<Cuda>::take_rows(carver, n, s.cols);
      float* y = carver.take<float>(n * s.rows);
      fill_floats(buffer.x, n * s.cols, 5, m.stream());
      const auto rows = BackendTypes<Cuda>::rows(buffer, Numerics::fast, n, s.cols, n, w.matrices[0]);
      cuda::convert(rows, m.stream());
      const std::string what = std::string(Format::name) + " " + std::to_string(s.rows) + "x" + std::to_string(s.cols) +
                               " " + s.name + ", " + std::to_string(n) + " rows";
      const auto bytes = static_cast<double>(w.bytes);
      report(what,
             m.time(w.count,
                    [&](std::size_t i) {
                      lower(Cuda{}, op::Product{rows, op::One{w.matrices[i]}, op::Add{y, s.rows}}, m.stream());
                    }),
             bytes, 0.0, limit);
      if (std::string(s.name) != "gate and up" || w.count < 2) continue;
      const cuda::Rows out{y, n, s.rows};
      report(what + ", as a pair",
             m.time(w.count / 2,
                    [&](std::size_t i) {
                      lower(Cuda{},
                            op::Product{rows, op::Pair{w.matrices[2 * i], w.matrices[2 * i + 1]},
                                        op::Gate<Silu, cuda::Rows>{out}},
                            m.stream());
                    }),
             2.0 * bytes, 0.0, limit);
    }
  }
}

}  // namespace

void run() {
  const Measurement m;
  const double limit = read_limit(m);
  report("read 4 GiB", {4294967296.0 / limit, 4294967296.0 / limit, 4294967296.0 / limit}, 4294967296.0, 0.0, limit);
  const std::vector<Shape> all{{"2B qkv", 4096, 2048},      {"2B out", 2048, 2048},       {"gate and up", 6144, 2048},
                               {"2B down", 2048, 6144},     {"4B qkv", 6144, 2560},       {"4B out", 2560, 4096},
                               {"gate and up", 9728, 2560}, {"4B down", 2560, 9728},      {"8B qkv", 6144, 4096},
                               {"8B out", 4096, 4096},      {"gate and up", 12288, 4096}, {"8B down", 4096, 12288},
                               {"8B head", 151936, 4096}};
  const std::vector<Shape> some{
      {"8B out", 4096, 4096}, {"gate and up", 12288, 4096}, {"8B down", 4096, 12288}, {"8B head", 151936, 4096}};
  measure<Q4_K>(m, limit, all, {1, 2, 4});
  measure<Q6_K>(m, limit, some, {1, 2});
  measure<Q5_K>(m, limit, some, {1});
  measure<Q8_0>(m, limit, some, {1});
  measure<Q4_0>(m, limit, some, {1});
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
