// Attention on tensor cores against the simple kernel, over caches in pages and over rows.
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/step.cuh"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/testing/compare.hpp"

#include "cuda/device.cuh"
#include "quant/weights.hpp"

namespace vlmt::cuda_test {
namespace attend {

using ::vlmt::testing::compare;

/// Hooks that tensor cores serve, at once.
struct Scored : CausalAttention {
  static VLMT_HD bool visible(float query, float key) noexcept { return static_cast<int>(query + key) % 3 != 0; }
  template <class T>
  VLMT_HD T logit(T s) const noexcept {
    return s * T(0.5f);
  }
  static VLMT_HD float score(float s, LogitPosition<float> at) noexcept {
    return s - 0.01f * (at.query - at.key) * (at.head + 1.0f);
  }
};

struct Part {
  std::size_t slot;
  std::size_t rows;
};

class CudaAttend : public OnDevice {
 protected:
  std::vector<float> normal(std::size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = static_cast<float>(random_.normal());
    return x;
  }

  /// Rows of sequences with filled caches, by the kernel that the backend chooses and by the simple one.
  template <class Format, class Variant>
  void check(const Variant& variant, std::size_t heads, std::size_t kv_heads, std::size_t dim,
             const std::vector<Part>& parts, double limit, const std::string& what) {
    constexpr std::size_t slots = 48, layer = 1;
    const cuda::KvPageLayout layout{Format::type_id, Format::type_id, kv_heads, dim, slots};
    std::size_t rows = 0, most = 1;
    for (const Part& p : parts) {
      rows += p.rows;
      most = std::max(most, (p.slot + p.rows + slots - 1) / slots);
    }
    const std::size_t page_bytes = 2 * layout.layer_bytes();
    std::vector<float> values = normal(parts.size() * most * page_bytes / 2);
    std::vector<typename Format::Block> cache(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) Format::encode(&values[i], cache[i]);
    const Device<typename Format::Block> memory(cache, stream_);
    std::vector<std::byte*> pages;  // of the sequences by turns, the last page first
    std::vector<std::int32_t> start, first{0};
    for (std::size_t s = 0; s < parts.size(); ++s) {
      for (std::size_t p = 0; p < most; ++p) {
        pages.push_back(reinterpret_cast<std::byte*>(memory.data()) + ((most - 1 - p) * parts.size() + s) * page_bytes);
      }
      start.push_back(static_cast<std::int32_t>(parts[s].slot));
      first.push_back(first.back() + static_cast<std::int32_t>(parts[s].rows));
    }
    const Device<std::byte*> device_pages(pages, stream_);
    const Device<std::int32_t> device_start(start, stream_), device_first(first, stream_);
    const std::size_t stride = (heads + 2 * kv_heads) * dim;
    const Device<float> qkv(normal(rows * stride), stream_);
    Carver counting;
    BackendTypes<Cuda>::take_attend(counting, heads, dim, 0, parts.size(), 1);
    const Device<std::byte> scratch_memory(counting.bytes());
    Carver carver(scratch_memory.data(), counting.bytes());
    const Device<float> got(rows * heads * dim), want(rows * heads * dim);
    op::Attend<Variant, cuda::Sequences, cuda::Rows, cuda::AttendScratch> o{
        variant,
        qkv.data(),
        stride,
        heads,
        dim,
        0.1f,
        {layout, device_pages.data(), device_start.data(), device_first.data(), most, parts.size()},
        layer,
        {got.data(), rows, heads * dim},
        BackendTypes<Cuda>::take_attend(carver, heads, dim, 0, parts.size(), 1)};
    StepCuda step(stream_);
    step(o);
    o.out.x = want.data();
    const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>(heads));
    cuda::attend_kernel<Format, Format><<<grid, cuda::block_threads, cuda::attend_bytes(dim), stream_>>>(o);
    step.wait();
    const auto c = compare(got.host(stream_), want.host(stream_));
    EXPECT_LT(c.relative_l2, limit) << what << ": " << c.line();
    EXPECT_GT(c.relative_l2, 0.0) << what << ": the simple kernel was taken";
  }

  vlmt_test::Random random_{31};
};

TEST_F(CudaAttend, NewTokensSplitTheirKeys) {
  // Fewer keys than a tile, exactly one, and several splits; heads of one, two and four to a head of keys.
  const std::vector<Part> parts{{0, 1}, {63, 1}, {64, 1}, {1000, 1}, {3000, 1}};
  check<F16>(CausalAttention{}, 8, 2, 128, parts, 1e-3, "causal");
  check<F16>(CausalAttention{}, 3, 3, 64, parts, 1e-3, "one head to a head");
  check<F16>(CausalAttention{}, 4, 2, 80, parts, 1e-3, "heads of 80");
  check<F16>(CausalAttention{}, 2, 1, 72, parts, 1e-3, "heads of 72");
  check<F16>(CausalAttention{}, 32, 2, 64, parts, 1e-3, "16 heads to a head");
  check<BF16>(CausalAttention{}, 8, 2, 128, parts, 8e-3, "bfloat16");
  check<F16>(SlidingWindow<100>{}, 8, 2, 128, parts, 1e-3, "window");
  check<F16>(SoftCapped<>{{}, 2.0f}, 8, 2, 128, parts, 1e-3, "soft cap");
  check<F16>(Scored{}, 8, 2, 128, parts, 1e-3, "hooks");
  check<F16>(CausalAttention{}, 8, 8, 128, {{20000, 1}}, 1e-3, "one long sequence");
}

TEST_F(CudaAttend, PromptsInTiles) {
  // Rows of several sequences: less than a tile, more than one, after cached slots, one alone.
  const std::vector<Part> parts{{0, 40}, {70, 300}, {5, 1}, {500, 130}};
  check<F16>(CausalAttention{}, 8, 2, 128, parts, 1e-3, "causal");
  check<F16>(CausalAttention{}, 3, 3, 64, parts, 1e-3, "heads of 64");
  check<F16>(CausalAttention{}, 2, 1, 72, parts, 1e-3, "heads of 72");
  check<BF16>(CausalAttention{}, 8, 2, 128, parts, 8e-3, "bfloat16");
  check<F16>(FullAttention{}, 8, 2, 128, parts, 1e-3, "full");
  check<F16>(SlidingWindow<100>{}, 8, 2, 128, parts, 1e-3, "window");
  check<F16>(Scored{}, 8, 2, 128, parts, 1e-3, "hooks");
}

TEST_F(CudaAttend, RowsBesideTheirKeys) {
  for (const std::size_t dim : {64u, 72u, 80u, 128u}) {
    const std::size_t n = 700, heads = 3;
    const Device<float> qkv(normal(n * 3 * heads * dim), stream_), got(n * heads * dim), want(n * heads * dim);
    const std::vector<std::int32_t> offsets{5, 300, 300, 690};  // an empty segment, and rows outside of all
    const Device<std::int32_t> segments(offsets, stream_);
    cuda::AttendScratch rounding;
    rounding.rounds_rows = true;
    const auto run = [&](const auto& variant, const cuda::AttendScratch& scratch, float* out) {
      StepCuda step(stream_);
      step(op::AttendRows{variant, qkv.data(), n, heads, dim, 0.117f, out, scratch});
      step.wait();
    };
    const auto both = [&](const auto& variant, const std::string& what) {
      run(variant, rounding, got.data());
      run(variant, {}, want.data());
      const auto c = compare(got.host(stream_), want.host(stream_));
      EXPECT_LT(c.relative_l2, 1e-3) << what << " " << dim << ": " << c.line();
      EXPECT_GT(c.relative_l2, 0.0) << what << ": the simple kernel was taken";
    };
    both(FullAttention{}, "full");
    both(SegmentedAttention(segments.data(), 3), "segments");
  }
}

}  // namespace attend
}  // namespace vlmt::cuda_test
