// The stack of kernels: on a thread with kernel_stack_bytes and 64 KiB, every kernel runs within the former.
#include "vlmt/kernel/kernel_stack.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <pthread.h>

#include <gtest/gtest.h>

#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/grouped_matmul.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/q4_k.hpp"

#include "kernel_check.hpp"

// Sanitizers put redzones around arrays.
#if !defined(VLMT_TEST_SANITIZED)

namespace kernel_stack_tests {
namespace {

using namespace vlmt;
using namespace vlmt_test;

constexpr std::size_t spare = std::size_t{64} << 10;

/// Runs f on a thread with kernel_stack_bytes and `spare` bytes of stack; returns how many bytes of it f and what it
/// calls have written.
std::size_t stack_of(const std::function<void()>& f) {
  struct Task {
    const std::function<void()>* f;
    std::size_t used;
  } task{&f, 0};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kernel_stack_bytes + spare);
  pthread_t thread;
  const int failed = pthread_create(
      &thread, &attributes,
      [](void* data) -> void* {
        auto* t = static_cast<Task*>(data);
        pthread_attr_t mine;
        pthread_getattr_np(pthread_self(), &mine);
        void* low = nullptr;
        std::size_t size = 0;
        pthread_attr_getstack(&mine, &low, &size);
        pthread_attr_destroy(&mine);
        // Unused stack below this frame, without the part that memset itself and the guard page need.
        const volatile std::byte here{};
        const auto frame = reinterpret_cast<std::uintptr_t>(&here);
        auto* const top = reinterpret_cast<std::byte*>(frame - 4096);
        auto* const bottom = static_cast<std::byte*>(low) + 8192;
        std::memset(bottom, 0x5a, static_cast<std::size_t>(top - bottom));
        (*t->f)();
        const std::byte* deepest = std::find_if(bottom, top, [](std::byte b) { return b != std::byte{0x5a}; });
        t->used = frame - reinterpret_cast<std::uintptr_t>(deepest);
        return nullptr;
      },
      &task);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(failed, 0);
  if (failed == 0) pthread_join(thread, nullptr);
  return task.used;
}

#define EXPECT_FITS(what, ...)                                     \
  do {                                                             \
    const std::size_t used = stack_of([&] { __VA_ARGS__; });       \
    EXPECT_LE(used, kernel_stack_bytes) << what;                   \
    ::testing::Test::RecordProperty(what, static_cast<int>(used)); \
  } while (false)

/// The others are bounded by a static_assert in kernel/cpu/matmul_driver.hpp.
using Arch = arch::native;

// All forms of activations, few and many rows, rows in a list, corrections, and epilogues that keep most on the stack.
TEST(KernelStack, OfProducts) {
  constexpr std::size_t rows = 96, cols = 1024, n = 270;
  const std::vector<float> values = gaussian(rows * cols, 1), x = gaussian(n * cols, 2);
  std::vector<float> y(n * rows), z(n * rows);
  std::vector<Int8Group> groups(n * cols / 32), corrections(groups.size()), out(n * rows / 32);
  std::vector<std::uint8_t> corrected(groups.size(), 1);
  std::vector<bfloat16> halves(n * (cols + 32));
  QuantizedRows q{groups.data(), cols / 32, corrections.data(), corrected.data()};
  const Bf16Rows b{halves.data(), cols + 32};
  Solo solo;
  quantize_rows<Arch>(x.data(), n, cols, cols, q, solo);
  std::fill(corrected.begin(), corrected.end(), std::uint8_t{1});
  const TeeRows<F32Rows, QuantizedRows> both{{y.data(), rows}, {out.data(), rows / 32}};
  std::vector<std::int32_t> offsets = {0, 3, 270}, tokens(n);
  for (std::size_t i = 0; i < n; ++i) tokens[i] = static_cast<std::int32_t>(i);
  const ExpertGroups experts{offsets.data(), tokens.data(), nullptr, 2};

  const auto check = [&]<class Format>(TypeTag<Format>) {
    std::vector<typename Format::Block> blocks(rows * cols / Format::values);
    for (std::size_t i = 0; i < blocks.size(); ++i) Format::encode(values.data() + i * Format::values, blocks[i]);
    const Buffer packed(packed_bytes<Format, Arch>(2 * rows, cols));
    pack<Format, Arch>(blocks.data(), rows, cols, packed.data(), solo);
    const auto w = make_packed_matrix<Format, Arch>(packed.data(), rows, cols);
    const auto stacked = make_packed_experts<Format, Arch>(packed.data(), 2, rows, cols);
    for (const std::size_t count : {std::size_t{1}, std::size_t{4}, std::size_t{20}, n}) {
      for (const Activations& in :
           {Activations{x.data(), cols, {}, count, cols}, Activations{nullptr, 0, q, count, cols},
            Activations{nullptr, 0, {}, count, cols, b}}) {
        const bool readable = in.x != nullptr || (in.q.groups != nullptr && w.takes_int8()) ||
                              (in.b.data != nullptr && w.leaves->bf16_form.expand != nullptr);
        if (!readable) continue;
        const std::string what = std::string(Format::name) + "_" + std::to_string(count) +
                                 (in.x          ? "_x"
                                  : in.q.groups ? "_q"
                                                : "_b");
        EXPECT_FITS(what + "_pair", matmul_pair(w, w, in, GatedStore<Arch, decltype(both)>{both}, solo));
        if (count != n) continue;
        EXPECT_FITS(what + "_one", matmul(w, in, SinkStore<Arch, decltype(both), GeluErf>{both, values.data()}, solo));
        EXPECT_FITS(what + "_experts", grouped_matmul_pair(stacked, stacked, experts, tokens.data(), in,
                                                           GatedStore<Arch, decltype(both)>{both}, solo));
      }
    }
  };
  check(TypeTag<Q4_K>{});
  check(TypeTag<F16>{});
}

TEST(KernelStack, OfAttentionAndRouting) {
  constexpr std::size_t n = 40, dim = 64, heads = 2;
  std::vector<float> x = gaussian(n * 4 * dim, 3), y(n * heads * dim), tiles(attention_tile_floats(dim)),
                     partials(attention_partial_floats(n, heads, dim, n));
  const KvView kv{kv_rows_of_activations<Arch>(x.data(), dim, 4 * dim),
                  kv_rows_of_activations<Arch>(x.data() + dim, dim, 4 * dim), 1, dim, n};
  const QueryRows q{x.data() + 2 * dim, 4 * dim, n, heads};
  const AttentionScratch scratch{tiles.data(), partials.data(), n};
  const F32Rows out{y.data(), heads * dim};
  const CausalAttention causal;
  EXPECT_FITS("attention", attention<Arch>(causal, q, kv, 0.1f, nullptr, out, scratch));
  EXPECT_FITS("attention_split", attention_split<Arch>(causal, q, kv, 0.1f, nullptr, scratch));
  EXPECT_FITS("attention_merge", attention_merge<Arch>(causal, q, kv, 0.1f, nullptr, out, scratch));
  std::vector<float> logits = gaussian(2 * max_experts, 4), weights(16);
  std::vector<std::int32_t> ids(16), offsets(max_experts + 1), tokens(16), positions(16);
  EXPECT_FITS("route", route<Arch, SoftmaxScores>(logits.data(), 2, max_experts, {}, ids.data(), weights.data()));
  EXPECT_FITS("groups",
              group_by_expert(ids.data(), 2, 8, {offsets.data(), tokens.data(), positions.data(), max_experts}));
}

}  // namespace
}  // namespace kernel_stack_tests

#endif
