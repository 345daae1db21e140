// A matrix product on a thread with as little stack as the library asks for, and 64 KiB more.
#include <cstdio>
#include <vector>

#include <pthread.h>

#include <vlmt/exec/buffer.hpp>
#include <vlmt/kernel/kernel_stack.hpp>
#include <vlmt/kernel/matmul.hpp>
#include <vlmt/quant/q8_0.hpp>
#include <vlmt/quant/row.hpp>

using Arch = vlmt::arch::native;

void* multiply(void* result) {
  constexpr std::size_t rows = 64, cols = 2048, n = 300;
  std::vector<float> x(n * cols, 1.0f), y(n * rows);
  const std::vector<float> weights(rows * cols, 0.5f);
  std::vector<vlmt::Q8_0::Block> blocks(rows * cols / 32);
  vlmt::encode_row<vlmt::Q8_0>(weights.data(), weights.size(), blocks.data());
  const vlmt::Buffer memory(vlmt::packed_bytes<vlmt::Q8_0, Arch>(rows, cols));
  vlmt::Solo solo;
  vlmt::pack<vlmt::Q8_0, Arch>(blocks.data(), rows, cols, memory.data(), solo);
  const auto w = vlmt::make_packed_matrix<vlmt::Q8_0, Arch>(memory.data(), rows, cols);
  const vlmt::GatedStore<Arch, vlmt::F32Rows, vlmt::QuickGelu> gated{{y.data(), rows}};
  vlmt::matmul_pair(w, w, vlmt::float_rows(x.data(), n, cols), gated, solo);
  *static_cast<float*>(result) = y[n * rows - 1];
  return nullptr;
}

int main() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, vlmt::kernel_stack_bytes + (64u << 10));
  pthread_t thread;
  float result = 0.0f;
  if (pthread_create(&thread, &attributes, multiply, &result) != 0) return 1;
  pthread_join(thread, nullptr);
  std::printf("%g\n", static_cast<double>(result));
  return result > 1.0e6f && result < 1.1e6f ? 0 : 1;
}
