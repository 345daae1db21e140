// The attention block against Eigen in double: prompts and generated tokens, several sequences, groups of heads, norms
// of heads, both rotations, a sliding window.
#include "vlmt/nn/attention_block.hpp"

#include <numeric>

#include "nn/attention_case.hpp"

namespace vlmt_test::attention_block_test {
namespace {

using vlmt::RowKind;
constexpr RowKind prompt = RowKind::prompt, generated = RowKind::generated;

template <class Arch>
class AttentionBlock : public ::testing::Test {};
TYPED_TEST_SUITE(AttentionBlock, BlockTypes);

/// A prompt in two chunks, tokens after it, then a further prompt.
template <class M, class Arch>
void check_conversation(const AttentionSizes& sizes, const Precision& precision) {
  const AttentionCase<M, Arch> block(sizes, precision);
  AttentionSteps<M, Arch> steps(block, 1, 64);
  steps.step({{0, 30, prompt}});
  steps.step({{0, 1, prompt}});
  for (int i = 0; i < 3; ++i) steps.step({{0, 1, generated}});
  steps.step({{0, 4, prompt}});
  steps.step({{0, 1, generated}});
}

TYPED_TEST(AttentionBlock, PromptsAndGeneratedTokens) {
  for (const Precision& precision : precisions) {
    SCOPED_TRACE(testing::Message() << "type " << precision.type_id << ", " << name(precision.numerics));
    check_conversation<NormedHalves, TypeParam>({}, precision);
    check_conversation<PlainPairs, TypeParam>({}, precision);
  }
}

TYPED_TEST(AttentionBlock, GroupsOfHeads) {
  for (const auto& [heads, kv_heads] : {std::pair{3u, 3u}, std::pair{3u, 1u}, std::pair{8u, 2u}}) {
    SCOPED_TRACE(testing::Message() << heads << " heads, " << kv_heads << " of keys");
    check_conversation<NormedHalves, TypeParam>({96, heads, kv_heads, 24}, exact_floats);
    check_conversation<PlainPairs, TypeParam>({96, heads, kv_heads, 16}, exact_floats);
  }
}

// Sequences of one step see their own keys only: a prompt, a generated token, one more of a long sequence.
TYPED_TEST(AttentionBlock, SeveralSequencesInAStep) {
  const auto check = [](const auto& block) {
    AttentionSteps steps(block, 3, 48);
    steps.step({{0, 9, prompt}, {1, 5, prompt}});
    steps.step({{1, 1, generated}, {2, 7, prompt}, {0, 1, generated}});
    steps.step({{2, 1, generated}, {0, 3, prompt}, {1, 1, generated}});
  };
  for (const Precision& precision : {exact_floats, fast_blocks}) {
    check(AttentionCase<NormedHalves, TypeParam>({}, precision));
    check(AttentionCase<PlainPairs, TypeParam>({}, precision));
  }
}

// Longer than a tile of keys and than a chunk of the cache.
TYPED_TEST(AttentionBlock, LongSequences) {
  const AttentionCase<NormedHalves, TypeParam> block({32, 2, 1, 16}, exact_floats);
  AttentionSteps steps(block, 2, 600);
  steps.step({{0, 290, prompt}, {1, 70, prompt}});
  steps.step({{1, 1, generated}, {0, 1, generated}});
  steps.step({{0, 3, prompt}});
}

// A row of a prompt has the same bits however the prompt is cut into steps, down to one row, and whatever else is in
// the step. Rows are enough for several chunks of the cache, where a generated row would be split.
TYPED_TEST(AttentionBlock, BitsOfAPromptDoNotDependOnTheSteps) {
  const AttentionCase<NormedHalves, TypeParam> block({32, 2, 1, 16}, exact_floats);
  constexpr std::size_t n = 600;
  const auto& leaf = vlmt::kv_leaf_v<vlmt::F32, TypeParam>;
  const auto x = gaussian((n + 1) * block.hidden(), 21);
  const auto run = [&](const std::vector<std::size_t>& pieces, bool with_another) {
    const vlmt::KvCache cache = empty_cache(block.kv_shape(n), leaf), other = empty_cache(block.kv_shape(n), leaf);
    std::vector<float> all;
    std::size_t from = 0;
    for (const std::size_t rows : pieces) {
      const auto first = x.begin() + static_cast<std::ptrdiff_t>(from * block.hidden());
      std::vector<float> in(first, first + static_cast<std::ptrdiff_t>(rows * block.hidden()));
      std::vector<std::size_t> slots(rows);
      std::iota(slots.begin(), slots.end(), from);
      if (with_another) {
        in.insert(in.end(), x.end() - static_cast<std::ptrdiff_t>(block.hidden()), x.end());
        slots.push_back(0);
      }
      const auto out = block.run(in, slots, with_another ? 2 : 1, 1, n, [&](const vlmt::StepSequences& s) {
        s.set(0, cache, from, rows, prompt);
        if (with_another) s.set(1, other, 0, 1, generated);
      });
      all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(rows * block.hidden()));
      from += rows;
    }
    return all;
  };
  const auto whole = run({n}, false);
  EXPECT_EQ(run({n}, true), whole);
  EXPECT_EQ(run({256, 1, 300, 42, 1}, false), whole);
  EXPECT_EQ(run({1, 598, 1}, true), whole);
}

// A prompt in the same step does not send a generated row through the kernel of prompts.
TYPED_TEST(AttentionBlock, BitsOfAGeneratedRowDoNotDependOnTheStep) {
  const AttentionCase<NormedHalves, TypeParam> block({32, 2, 1, 16}, exact_floats);
  constexpr std::size_t n = 600;
  const vlmt::KvCache cache = empty_cache(block.kv_shape(n + 1), vlmt::kv_leaf_v<vlmt::F32, TypeParam>);
  std::vector<std::size_t> slots(n);
  std::iota(slots.begin(), slots.end(), std::size_t{0});
  block.run(gaussian(n * block.hidden(), 23), slots, 1, 1, n, [&](const auto& s) { s.set(0, cache, 0, n, prompt); });
  const vlmt::KvCache fork = fork_of(cache, n), other = fork_of(cache, 0);
  auto x = gaussian(block.hidden(), 24);
  const auto alone = block.run(x, {n}, 1, 1, n + 1, [&](const auto& s) { s.set(0, cache, n, 1, generated); });
  const auto more = gaussian(2 * block.hidden(), 25);
  x.insert(x.end(), more.begin(), more.end());
  auto beside = block.run(x, {n, 0, 1}, 2, 1, n + 1, [&](const auto& s) {
    s.set(0, fork, n, 1, generated);
    s.set(1, other, 0, 2, prompt);
  });
  beside.resize(block.hidden());
  EXPECT_EQ(beside, alone);
}

// Float16 keys and values: the products are exact, so that all of the error is the rounding of the cache.
TYPED_TEST(AttentionBlock, HalfPrecisionCaches) {
  AttentionCase<NormedHalves, TypeParam> block({}, exact_floats);
  block.twin.cached = [](const Row& head) { return Row(head.unaryExpr([](double v) { return to_bits(v, 11); })); };
  const AttentionSizes sizes;
  const auto x = gaussian(8 * sizes.hidden, 7);
  const std::vector<std::size_t> slots = {0, 1, 2, 3, 4, 5, 6, 7};
  const vlmt::KvCache cache = empty_cache(block.kv_shape(8), vlmt::kv_leaf_v<vlmt::F16, TypeParam>);
  const auto got = block.run(x, slots, 1, 1, 8, [&](const auto& s) { s.set(0, cache, 0, 8, prompt); });
  DoubleCache exact;
  const Matrix want = block.compute(x, slots, {{&exact, 8}}, Rounding::none);
  // A value beside the middle of two halves may round the other way: an error of 2^-11 in one of thousands.
  expect_rows(got, want, 16 * float_tolerance);
}

// The block writes the slots of its rows in its layer, and nothing else.
TYPED_TEST(AttentionBlock, WritesItsSlotsAndLayerOnly) {
  const AttentionCase<NormedHalves, TypeParam> block({}, exact_floats);
  AttentionSteps steps(block, 1, 16);
  steps.step({{0, 5, prompt}});
  steps.step({{0, 1, generated}});
  const vlmt::KvCache& cache = steps.caches[0];
  const auto rows_with_nan = [&](std::size_t layer, std::size_t slot) {
    const vlmt::KvView view = cache.layer(layer);
    std::size_t count = 0;
    for (std::size_t h = 0; h < view.kv_heads(); ++h) {
      for (const std::byte* at : {view.key_row(h, slot), view.value_row(h, slot)}) {
        float v = 0.0f;
        std::memcpy(&v, at, sizeof(v));
        count += std::isnan(v);
      }
    }
    return count;
  };
  for (std::size_t slot = 0; slot < 16; ++slot) {
    EXPECT_EQ(rows_with_nan(0, slot), 4u) << slot;
    EXPECT_EQ(rows_with_nan(1, slot), slot < 6 ? 0u : 4u) << slot;
  }
}

}  // namespace
}  // namespace vlmt_test::attention_block_test
