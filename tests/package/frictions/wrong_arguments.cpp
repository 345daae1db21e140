// A program that turns assertions into exceptions: calls with wrong arguments are refused with the call's name and both
// values, and the program goes on.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <vlmt/exec/buffer.hpp>
#include <vlmt/kernel/attention.hpp>
#include <vlmt/kernel/matmul.hpp>
#include <vlmt/quant/q8_0.hpp>
#include <vlmt/quant/row.hpp>

using Arch = vlmt::arch::native;

template <class F>
bool says(const char* expected, F&& call) {
  std::string found = "nothing";
  try {
    call();
  } catch (const std::logic_error& e) {
    found = e.what();
  }
  if (found != expected) std::printf("expected `%s`, found `%s`\n", expected, found.c_str());
  return found == expected;
}

int main() {
  vlmt::set_assert_handler([](const char* condition, const char*, int) { throw std::logic_error(condition); });
  constexpr std::size_t rows = 8, cols = 128;
  std::vector<float> x(2 * cols, 1.0f), y(2 * rows);
  std::vector<vlmt::Q8_0::Block> blocks(rows * cols / 32);
  const std::vector<float> weights(rows * cols, 0.5f);
  vlmt::encode_row<vlmt::Q8_0>(weights.data(), weights.size(), blocks.data());
  const vlmt::Buffer memory(vlmt::packed_bytes<vlmt::Q8_0, Arch>(rows, cols));
  vlmt::Solo solo;
  vlmt::pack<vlmt::Q8_0, Arch>(blocks.data(), rows, cols, memory.data(), solo);
  const vlmt::Packed<vlmt::Q8_0, Arch> w{memory.data(), rows, cols};
  const float* in = x.data();

  bool ok = says("matmul: x.extent(1) == w.cols: 64 and 128",
                 [&] { vlmt::matmul(w, vlmt::view(in, 2, 64), vlmt::view(y.data(), 2, rows)); });
  ok &= says("attention: scratch.tiles is not null", [&] {
    const vlmt::KvRows kv_rows = vlmt::kv_rows_of_activations<Arch>(x.data(), 64, 64);
    vlmt::attention<Arch>(vlmt::CausalAttention{}, {in, 64, 1, 1}, vlmt::KvView{kv_rows, kv_rows, 1, 64, 1}, 1.0f,
                          nullptr, vlmt::F32Rows{y.data(), 64}, {});
  });
  vlmt::matmul(w, vlmt::view(in, 2, cols), vlmt::view(y.data(), 2, rows));
  std::printf("%g\n", static_cast<double>(y[0]));
  return ok && y[0] > 63.0f && y[0] < 65.0f ? 0 : 1;
}
