// KV caches as the attention block uses them: a fork continues as its origin would have, and a sequence in pages gives
// the bits of a contiguous cache, which attention_block_test.cpp compares with Eigen in double.
#include "vlmt/kernel/kv_cache.hpp"

#include <algorithm>
#include <numeric>

#include "vlmt/kernel/step_sequences.hpp"

#include "base/assertion_of.hpp"
#include "nn/attention_case.hpp"

namespace vlmt_test::kv_cache_test {
namespace {

using vlmt::KvCache;
using vlmt::KvLeaf;
using vlmt::KvPageLayout;
using vlmt::RowKind;
using vlmt::StepSequences;

template <class Arch>
class NnCache : public ::testing::Test {};
TYPED_TEST_SUITE(NnCache, BlockTypes);

std::vector<std::size_t> slots_from(std::size_t first, std::size_t n) {
  std::vector<std::size_t> slots(n);
  std::iota(slots.begin(), slots.end(), first);
  return slots;
}

/// A sequence in pages that lie in memory in the reverse order, apart from each other.
class Pages {
 public:
  Pages(const KvPageLayout& layout, std::size_t layers, std::size_t count)
      : layout_(layout), bytes_(layers * layout.layer_bytes()), gap_(192), memory_(count * (bytes_ + gap_)) {
    std::memset(memory_.data(), 0xff, memory_.bytes());
    for (std::size_t p = 0; p < count; ++p) addresses_.push_back(memory_.data() + (count - 1 - p) * (bytes_ + gap_));
  }

  void set(const StepSequences& s, std::size_t i, std::size_t slot, std::size_t rows, RowKind kind) const {
    s.set(i, layout_, addresses_.data(), addresses_.size(), slot, rows, kind);
  }
  const KvPageLayout& layout() const { return layout_; }
  std::byte* page(std::size_t p) const { return addresses_[p]; }
  /// True if no byte between the pages has been written.
  bool gaps_are_whole() const {
    for (const std::byte* page : addresses_) {
      if (!std::all_of(page + bytes_, page + bytes_ + gap_, [](std::byte b) { return b == std::byte{0xff}; }))
        return false;
    }
    return true;
  }

 private:
  KvPageLayout layout_;
  std::size_t bytes_;
  std::size_t gap_;
  vlmt::Buffer memory_;
  std::vector<std::byte*> addresses_;
};

/// Expects slots [0, n) of `layer` of both to hold the same bytes.
void expect_same_slots(const KvCache& cache, const Pages& pages, std::size_t layer, std::size_t n) {
  const vlmt::KvView view = cache.layer(layer);
  for (std::size_t h = 0; h < view.kv_heads(); ++h) {
    for (std::size_t slot = 0; slot < n; ++slot) {
      const std::size_t p = slot / pages.layout().slots, at = slot % pages.layout().slots;
      const vlmt::KvView page = pages.layout().view(pages.page(p), layer);
      EXPECT_EQ(std::memcmp(page.key_row(h, at), view.key_row(h, slot), view.keys.slot_stride), 0) << h << ' ' << slot;
      EXPECT_EQ(std::memcmp(page.value_row(h, at), view.value_row(h, slot), view.values.slot_stride), 0)
          << h << ' ' << slot;
    }
  }
}

template <class Arch>
void check_pages(const KvLeaf& leaf, std::size_t page_slots) {
  SCOPED_TRACE(testing::Message() << leaf.name << ", pages of " << page_slots);
  using Case = AttentionCase<NormedHalves, Arch>;
  const Case block({}, exact_floats);
  constexpr std::size_t capacity = 320;
  const std::size_t count = capacity / page_slots;
  const KvCache whole = empty_cache(block.kv_shape(capacity), leaf),
                other = empty_cache(block.kv_shape(capacity), leaf);
  const KvPageLayout layout{&leaf, &leaf, 2, 32, page_slots};
  const Pages pages(layout, 2, count);
  std::size_t length = 0;
  for (const auto& [rows, kind] :
       {std::pair{70u, RowKind::prompt}, std::pair{1u, RowKind::generated}, std::pair{1u, RowKind::prompt},
        std::pair{200u, RowKind::prompt}, std::pair{1u, RowKind::generated}, std::pair{1u, RowKind::generated}}) {
    const auto x = gaussian((rows + 3) * block.hidden(), 50 + static_cast<unsigned>(length));
    std::vector<std::size_t> slots = slots_from(length, rows);
    // A second, contiguous sequence in the same step.
    for (const std::size_t slot : {0u, 1u, 2u}) slots.push_back(slot);
    const auto want = block.run(x, slots, 2, 1, capacity, [&](const StepSequences& s) {
      s.set(0, whole, length, rows, kind);
      s.set(1, other, 0, 3, RowKind::prompt);
    });
    const auto got = block.run(x, slots, 2, count, capacity, [&](const StepSequences& s) {
      pages.set(s, 0, length, rows, kind);
      s.set(1, other, 0, 3, RowKind::prompt);
    });
    EXPECT_EQ(got, want) << "from slot " << length;
    EXPECT_FALSE(std::any_of(got.begin(), got.end(), [](float v) { return std::isnan(v); }));
    length += rows;
  }
  expect_same_slots(whole, pages, 1, capacity);
  EXPECT_TRUE(pages.gaps_are_whole());
}

TYPED_TEST(NnCache, PagesGiveTheBitsOfAContiguousCache) {
  for (const std::size_t page_slots : {4u, 20u, 64u, 160u}) {
    check_pages<TypeParam>(vlmt::kv_leaf_v<vlmt::F32, TypeParam>, page_slots);
    check_pages<TypeParam>(vlmt::kv_leaf_v<vlmt::Q8_0, TypeParam>, page_slots);
  }
}

// A sequence may have fewer pages than the step has room for, and each sequence pages of its own size.
TYPED_TEST(NnCache, SequencesHaveTheirOwnPages) {
  const AttentionCase<PlainPairs, TypeParam> block({}, exact_floats);
  const KvLeaf& leaf = vlmt::kv_leaf_v<vlmt::F32, TypeParam>;
  const KvCache a = empty_cache(block.kv_shape(32), leaf), b = empty_cache(block.kv_shape(32), leaf);
  const Pages pages_a({&leaf, &leaf, 2, 32, 8}, 2, 4), pages_b({&leaf, &leaf, 2, 32, 16}, 2, 2);
  const auto x = gaussian(39 * block.hidden(), 3);
  std::vector<std::size_t> slots = slots_from(0, 20);
  for (const std::size_t slot : slots_from(0, 19)) slots.push_back(slot);
  const auto want = block.run(x, slots, 2, 1, 32, [&](const StepSequences& s) {
    s.set(0, a, 0, 20, RowKind::prompt);
    s.set(1, b, 0, 19, RowKind::prompt);
  });
  const auto got = block.run(x, slots, 2, 5, 32, [&](const StepSequences& s) {
    pages_a.set(s, 0, 0, 20, RowKind::prompt);
    pages_b.set(s, 1, 0, 19, RowKind::prompt);
  });
  EXPECT_EQ(got, want);
  expect_same_slots(a, pages_a, 1, 20);
  expect_same_slots(b, pages_b, 1, 19);
}

#if VLMT_ASSERTS
// A step with room for more pages than a sequence has does not write past them.
TEST(NnCachePages, ASlotPastThePagesOfASequenceIsAnAssertion) {
  using Arch = vlmt::arch::native;
  const AttentionCase<NormedHalves, Arch> block({}, exact_floats);
  const KvLeaf& leaf = vlmt::kv_leaf_v<vlmt::F32, Arch>;
  const Pages pages({&leaf, &leaf, 2, 32, 4}, 2, 2);
  const auto assertion = [&](std::size_t rows) {
    return vlmt_test::assertion_of([&] {
      block.run(gaussian(rows * block.hidden(), 3), slots_from(0, rows), 1, 5, 20,
                [&](const StepSequences& s) { pages.set(s, 0, 0, rows, RowKind::prompt); });
    });
  };
  EXPECT_EQ(assertion(8), "none");
  EXPECT_NE(assertion(9).find("slots <= page_count * layout.slots"), std::string::npos) << assertion(9);
}
#endif

// The copy holds the first slots and no others, and both continue on their own.
TYPED_TEST(NnCache, AForkContinuesOnItsOwn) {
  const AttentionCase<NormedHalves, TypeParam> block({}, exact_floats);
  const KvCache cache = empty_cache(block.kv_shape(24), vlmt::kv_leaf_v<vlmt::F32, TypeParam>);
  const auto run = [&](const KvCache& c, DoubleCache& exact, std::size_t from, std::size_t rows, unsigned seed) {
    const auto x = gaussian(rows * block.hidden(), seed);
    const auto slots = slots_from(from, rows);
    const RowKind kind = rows == 1 ? RowKind::generated : RowKind::prompt;
    const auto got = block.run(x, slots, 1, 1, 24, [&](const StepSequences& s) { s.set(0, c, from, rows, kind); });
    expect_rows(got, block.compute(x, slots, {{&exact, static_cast<Index>(rows)}}, Rounding::none));
    return got;
  };
  DoubleCache exact;
  run(cache, exact, 0, 12, 1);
  DoubleCache exact_fork = exact;
  exact_fork.truncate(9);
  const KvCache fork = fork_of(cache, 9);
  EXPECT_NE(fork.data(), cache.data());
  run(cache, exact, 12, 3, 2);
  run(fork, exact_fork, 9, 1, 3);
  run(fork, exact_fork, 10, 4, 4);
  run(cache, exact, 15, 1, 5);
}

TYPED_TEST(NnCache, AForkCopiesEveryLayer) {
  for (const KvLeaf* leaf : {&vlmt::kv_leaf_v<vlmt::F32, TypeParam>, &vlmt::kv_leaf_v<vlmt::Q8_0, TypeParam>}) {
    const KvCache cache({3, 2, 32, 11}, *leaf, *leaf);
    for (std::size_t i = 0; i < cache.bytes(); ++i) cache.data()[i] = static_cast<std::byte>(i % 251 + 1);
    const KvCache fork = fork_of(cache, 5);
    for (std::size_t l = 0; l < 3; ++l) {
      const vlmt::KvView from = cache.layer(l), to = fork.layer(l);
      for (std::size_t h = 0; h < 2; ++h) {
        for (std::size_t slot = 0; slot < 11; ++slot) {
          const auto same = [&](const std::byte* a, const std::byte* b, std::size_t n) {
            return std::memcmp(a, b, n) == 0;
          };
          EXPECT_EQ(same(from.key_row(h, slot), to.key_row(h, slot), from.keys.slot_stride), slot < 5);
          EXPECT_EQ(same(from.value_row(h, slot), to.value_row(h, slot), from.values.slot_stride), slot < 5);
        }
      }
    }
  }
}

// What a step reads is read when it runs: one recorded step serves other tokens, slots and pages.
TEST(NnCacheReplay, ARecordedStepReadsSlotsAndPagesAnew) {
  using Arch = vlmt::arch::native;
  using B = vlmt::Cpu<Arch>;
  const KvLeaf& leaf = vlmt::kv_leaf_v<vlmt::F32, Arch>;
  constexpr std::size_t rows = 8;
  const KvCache whole = empty_cache({1, 1, rows, rows}, leaf);
  const Pages pages({&leaf, &leaf, 1, rows, 4}, 1, 2);
  struct Workspace {
    StepSequences sequences;
    float* qkv;
    float* angles;
    vlmt::AttentionScratch scratch;
    vlmt::InputRows out;
  };
  using Types = vlmt::BackendTypes<B>;
  vlmt::Buffer memory;
  const Workspace w = carve(memory, [&](vlmt::Carver& c) {
    return Workspace{StepSequences::take(c, 1, 2), c.take<float>(rows), c.take<float>(rows),
                     Types::take_attend(c, 1, rows, rows, 1, 1), Types::take_rows(c, 1, rows)};
  });
  vlmt::StepRecorder<B> step;
  const vlmt::RowsOf<B> out{w.out, 1, rows, {.floats = true}};
  step("attention", vlmt::op::Attend{vlmt::CausalAttention{}, static_cast<const float*>(w.qkv), rows, std::size_t{1},
                                     rows, 1.0f, w.sequences.of(1), std::size_t{0}, out, w.scratch});
  vlmt::Solo solo;
  // Value rows hold their slot: with a query of zeros the result is the mean of the slots that it sees.
  for (std::size_t slot = 0; slot < rows; ++slot) {
    const std::vector<float> value(rows, static_cast<float>(slot)), other(rows, 10.0f * static_cast<float>(slot));
    const std::vector<float> key(rows, 0.5f);
    leaf.store(key.data(), rows, whole.layer(0).key_row(0, slot));
    leaf.store(value.data(), rows, whole.layer(0).value_row(0, slot));
    const vlmt::KvView page = pages.layout().view(pages.page(slot / 4), 0);
    leaf.store(key.data(), rows, page.key_row(0, slot % 4));
    leaf.store(other.data(), rows, page.value_row(0, slot % 4));
  }
  std::fill_n(w.qkv, rows, 0.0f);
  const auto result = [&] {
    step.replay(solo.member());
    return Types::floats(w.out)[3];
  };
  for (const RowKind kind : {RowKind::prompt, RowKind::generated}) {
    for (const std::size_t slot : {0u, 3u, 4u, 7u}) {
      w.sequences.set(0, whole, slot, 1, kind);
      EXPECT_NEAR(result(), static_cast<double>(slot) / 2, 1e-5) << slot;
      pages.set(w.sequences, 0, slot, 1, kind);
      EXPECT_NEAR(result(), 5.0 * static_cast<double>(slot), 1e-4) << slot;
    }
  }
}

}  // namespace
}  // namespace vlmt_test::kv_cache_test
