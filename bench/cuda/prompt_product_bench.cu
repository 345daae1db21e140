// Products of many rows with quantised and 16-bit weights, as operations a second.
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
      const double flops = 2.0 * static_cast<double>(n * s.rows * s.cols);
      const std::size_t calls = w.count < 8 ? w.count : 8;
      const auto bytes = static_cast<double>(w.bytes);
      report(what,
             m.time(calls,
                    [&](std::size_t i) {
                      lower(Cuda{}, op::Product{rows, op::One{w.matrices[i]}, op::Store{y, s.rows}}, m.stream());
                    }),
             bytes, flops, limit);
      if (std::string(s.name) != "gate and up" || w.count < 2) continue;
      const cuda::Rows out{y, n, s.rows};
      report(what + ", as a pair",
             m.time(calls / 2,
                    [&](std::size_t i) {
                      lower(Cuda{},
                            op::Product{rows, op::Pair{w.matrices[2 * i], w.matrices[2 * i + 1]},
                                        op::Gate<Silu, cuda::Rows>{out}},
                            m.stream());
                    }),
             2.0 * bytes, 2.0 * flops, limit);
    }
  }
}

}  // namespace

void run() {
  const Measurement m;
  const double limit = read_limit(m);
  const std::vector<Shape> shapes{
      {"8B qkv", 6144, 4096}, {"8B out", 4096, 4096}, {"gate and up", 12288, 4096}, {"8B down", 4096, 12288}};
  const std::vector<Shape> of_2b{{"2B out", 2048, 2048}, {"gate and up", 6144, 2048}};
  measure<Q4_K>(m, limit, shapes, {8, 16, 64, 128, 391, 512, 2048, 4096});
  measure<Q4_K>(m, limit, of_2b, {16, 128, 512, 2048});
  measure<Q6_K>(m, limit, {{"8B down", 4096, 12288}}, {16, 128, 512, 2048});
  measure<Q8_0>(m, limit, {{"8B down", 4096, 12288}}, {16, 128, 512, 2048});
  measure<BF16>(m, limit, {{"8B down", 4096, 12288}}, {16, 128, 512, 2048});
  measure<F16>(m, limit, {{"vision qkv", 3456, 1152}, {"vision up", 4304, 1152}, {"vision down", 1152, 4304}},
               {256, 1024});
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
