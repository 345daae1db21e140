// Hashes of the results of kernels and decoders. contraction.sh compiles it with and without -ffp-contract: a product
// that feeds a sum must not be left to the compiler.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/kernel/rows.hpp"
#include "vlmt/kernel/sampling.hpp"
#include "vlmt/kernel/softmax_state.hpp"
#include "vlmt/quant/formats.hpp"

namespace {

using namespace vlmt;
using Arch = arch::native;

std::uint64_t state = 1;
std::uint32_t random_bits() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<std::uint32_t>(state >> 33);
}
/// Sums of several uniform numbers; one in 64 is an outlier.
std::vector<float> numbers(std::size_t n) {
  std::vector<float> x(n);
  for (float& v : x) {
    v = -4.0f;
    for (int i = 0; i < 4; ++i) v += static_cast<float>(random_bits()) * 0x1p-30f;
    if (random_bits() % 64 == 0) v *= 50.0f;
  }
  return x;
}

template <class T>
void print(const char* what, const std::vector<T>& x) {
  std::uint64_t hash = 1469598103934665603u;
  const auto* bytes = reinterpret_cast<const unsigned char*>(x.data());
  for (std::size_t i = 0; i < x.size() * sizeof(T); ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
  std::printf("%-20s %016llx\n", what, static_cast<unsigned long long>(hash));
}

template <class Format>
void decode(TypeTag<Format>) {
  constexpr std::size_t blocks = 64;
  std::vector<typename Format::Block> in(blocks);
  std::vector<float> out(blocks * Format::values);
  for (std::size_t b = 0; b < blocks; ++b) {
    auto* bytes = reinterpret_cast<unsigned char*>(&in[b]);
    // Bytes below 0x40 at odd offsets keep binary16 scales small.
    for (std::size_t i = 0; i < sizeof in[b]; ++i) {
      bytes[i] = static_cast<unsigned char>(random_bits() & (i % 2 == 1 ? 0x3fu : 0xffu));
    }
    Format::decode(in[b], out.data() + b * Format::values);
  }
  print(Format::name.data(), out);
}

}  // namespace

int main() {
  for_each_type(TypeList<Q2_K, Q3_K, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0>{}, [](auto tag) { decode(tag); });
  constexpr std::size_t n = 16, h = 512;
  const std::vector<float> x = numbers(n * h), up = numbers(n * h), weight = numbers(h), bias = numbers(h);
  std::vector<float> y(n * h);
  Solo solo;

  std::vector<Int8Group> groups(n * h / 32), corrections(groups.size());
  std::vector<std::uint8_t> corrected(groups.size());
  quantize_rows<Arch>(x.data(), n, h, h, {groups.data(), h / 32, corrections.data(), corrected.data()}, solo);
  print("int8", groups);
  print("corrections", corrections);

  std::vector<float> sums;
  for (std::size_t i = 0; i + 4 <= n * h; i += 4) {
    const SoftmaxState<float> a{x[i], x[i + 1] * x[i + 1]}, b{x[i + 2], x[i + 3] * x[i + 3]};
    sums.push_back(merge(a, b).state.sum);
  }
  print("softmax states", sums);

  rms_norm<Arch>(x.data(), n, h, weight.data(), 1e-6f, F32Rows{y.data(), h});
  print("rms norm", y);
  layer_norm<Arch>(x.data(), n, h, weight.data(), bias.data(), 1e-6f, F32Rows{y.data(), h});
  print("layer norm", y);
  gated_rows<Arch, Silu>(x.data(), up.data(), n, h, h, F32Rows{y.data(), h});
  print("silu", y);
  activate_rows<Arch, GeluErf>(x.data(), n, h, h, F32Rows{y.data(), h});
  print("gelu", y);
  activate_rows<Arch, GeluTanh>(x.data(), n, h, h, F32Rows{y.data(), h});
  print("gelu tanh", y);

  std::vector<std::int32_t> positions(n);
  for (std::int32_t& p : positions) p = static_cast<std::int32_t>(random_bits() % 4096);
  std::vector<float> frequencies(64), table(rope_table_floats(n, 64));
  rope_frequencies(1e6, 64, nullptr, frequencies.data());
  rope_table(Rope1d<>{}, positions.data(), n, frequencies.data(), 64, table.data());
  y = x;
  rope_rows<Arch, RopeHalves>(y.data(), n, 4, 128, h, table.data(), 64);
  print("rope", y);
  const std::vector<std::int32_t> rows = {3, 1, 2, 0};
  add_weighted_rows<Arch>(x.data(), rows.data(), weight.data(), 1, 4, h, y.data());
  print("sums of rows", y);
  std::vector<LogitBlock> stats(logit_blocks(n * h));
  scan_logits<Arch>(x.data(), n * h, 0.7f, stats.data());
  print("logits", stats);
}
