// A single kernel: packs a matrix of four-bit weights and multiplies by it, on one thread and on a team.
//   g++ -std=c++20 -O2 -march=native -fopenmp -I include examples/one_kernel.cpp && ./a.out
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include <vlmt/exec/buffer.hpp>
#include <vlmt/exec/omp_team.hpp>
#include <vlmt/kernel/matmul.hpp>
#include <vlmt/quant/q4_k.hpp>
#include <vlmt/quant/row.hpp>

#include "common/output.hpp"
#include "common/run_main.hpp"

int run() {
  using Format = vlmt::Q4_K;        // or vlmt::Q8_0, vlmt::BF16, a format of your own...
  using Arch = vlmt::arch::native;  // the best instruction set that the compiler may use here
  const std::size_t rows = 2048, cols = 2048;

  // Weights in file layout: each row is cols / 256 blocks of 256 weights.
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> weights(rows * cols), x(cols), y(rows);
  for (float& w : weights) w = normal(random);
  for (float& v : x) v = normal(random);
  std::vector<Format::Block> blocks(rows * cols / Format::values);
  vlmt::encode_row<Format>(weights.data(), weights.size(), blocks.data());

  // Packed: the same bytes in the order in which the kernel reads them. The caller owns the memory.
  const vlmt::Buffer memory(vlmt::packed_bytes<Format, Arch>(rows, cols));
  vlmt::Solo solo;
  vlmt::pack<Format, Arch>(blocks.data(), rows, cols, memory.data(), solo.member());
  const vlmt::Packed<Format, Arch> w{memory.data(), rows, cols};

  // y = x * w^T on the calling thread: float activations, weights decoded in registers.
  vlmt::matmul(w, vlmt::view(std::as_const(x).data(), 1, cols), vlmt::view(y.data(), 1, rows));

  // Compare with the scalar reference that all kernels are tested against.
  std::vector<float> want(rows);
  vlmt::ref::matmul<Format>(blocks.data(), rows, cols, x.data(), 1, want.data());
  double error = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    error += std::pow(static_cast<double>(y[i]) - static_cast<double>(want[i]), 2);
    norm += std::pow(static_cast<double>(want[i]), 2);
  }
  programs::print("%s on %s, %.2f bits per weight: relative difference from the reference %.1e\n", Format::name.data(),
                  Arch::name.data(), vlmt::bits_per_weight_v<Format>, std::sqrt(error / norm));

  // The form that models use: activations rounded to int8 in groups of 32, the rows shared among a team of threads.
  std::vector<vlmt::Int8Group> groups(vlmt::QuantizedRows::count(1, cols));
  const vlmt::QuantizedRows q{groups.data(), vlmt::QuantizedRows::row_groups(cols)};
  vlmt::OmpTeam team;
  const int repetitions = 200;
  const auto start = std::chrono::steady_clock::now();
  team.run([&](vlmt::Member& m) {
    for (int i = 0; i < repetitions; ++i) {
      vlmt::quantize_rows<Arch>(x.data(), 1, cols, cols, q, m);
      m.barrier();  // kernels never wait: the caller separates dependent ones
      vlmt::matmul(w, vlmt::Activations{nullptr, 0, q, 1, cols}, vlmt::Store<Arch>{y.data(), rows}, m);
      m.barrier();
    }
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double bytes = static_cast<double>(blocks.size() * sizeof(Format::Block)) * repetitions;
  programs::print("%zu threads: %.1f us per product, %.1f GB/s of weights\n", team.size(), seconds / repetitions * 1e6,
                  bytes / seconds * 1e-9);
  return 0;
}

int main() {
  return programs::run_main("vlmt-one-kernel", run);
}
