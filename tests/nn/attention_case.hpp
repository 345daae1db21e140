// An attention block with random weights, its twin in double, and steps of both.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include "vlmt/kernel/attention_instances.hpp"
#include "vlmt/nn/attention_block.hpp"
#include "vlmt/nn/shapes.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/rope_policy.hpp"

#include "nn/block_cases.hpp"

namespace vlmt_test {

/// The policies of Qwen3: norms of heads, halves rotated, all earlier slots.
struct NormedHalves {
  using Norm = vlmt::RmsNorm;
  using Rotary = vlmt::Rope1d<vlmt::RopeHalves>;
  using Attention = vlmt::CausalAttention;
  static constexpr bool normed = true, neighbours = false;
  static constexpr std::size_t window = 0;
  static vlmt::RmsQkNorm qk_norm(const float* q, const float* k, float e) noexcept { return {{q, e}, {k, e}}; }
};

/// The opposite of each.
struct PlainPairs {
  using Norm = vlmt::RmsNorm;
  using Rotary = vlmt::Rope1d<vlmt::RopePairs>;
  static constexpr bool normed = false, neighbours = true;
  static constexpr std::size_t window = 5;
  using Attention = vlmt::SlidingWindow<window>;
  static vlmt::NoQkNorm qk_norm(const float*, const float*, float) noexcept { return {}; }
};

/// Sizes of an attention block.
struct AttentionSizes {
  std::size_t hidden = 64;
  std::size_t heads = 4;
  std::size_t kv_heads = 2;
  std::size_t dim = 32;
};

/// The rows of one sequence in a step; they start at the end of its twin's cache.
struct StepPart {
  std::size_t sequence;
  std::size_t rows;
  vlmt::RowKind kind;
};

/// An attention block of the policies M for Arch. Its layer is the second of two.
template <class M, class Arch>
class AttentionCase {
 public:
  static constexpr std::size_t layer = 1;
  static constexpr float epsilon = 1e-5f;
  using B = vlmt::Cpu<Arch>;

  AttentionCase(const AttentionSizes& a, const Precision& precision, unsigned seed = 1)
      : precision_(precision),
        sizes_(a),
        norm_(norm_weights(a.hidden, seed)),
        q_norm_(norm_weights(a.dim, seed + 1)),
        k_norm_(norm_weights(a.dim, seed + 2)),
        q_(precision.type_id, a.heads * a.dim, a.hidden, seed + 3),
        k_(precision.type_id, a.kv_heads * a.dim, a.hidden, seed + 4),
        v_(precision.type_id, a.kv_heads * a.dim, a.hidden, seed + 5),
        out_(precision.type_id, a.hidden, a.heads * a.dim, seed + 6) {
    shapes_.hidden = vlmt::Dim<>(a.hidden);
    shapes_.heads = vlmt::Dim<>(a.heads);
    shapes_.kv_heads = vlmt::Dim<>(a.kv_heads);
    shapes_.head_dim = vlmt::Dim<>(a.dim);
    twin.norm = to_row(norm_);
    if (M::normed) {
      twin.q_norm = to_row(q_norm_);
      twin.k_norm = to_row(k_norm_);
    }
    twin.q = q_.values[0];
    twin.k = k_.values[0];
    twin.v = v_.values[0];
    twin.out = out_.values[0];
    twin.heads = static_cast<Index>(a.heads);
    twin.kv_heads = static_cast<Index>(a.kv_heads);
    twin.epsilon = static_cast<double>(epsilon);
    twin.neighbours = M::neighbours;
    twin.window = static_cast<Index>(M::window);
  }

  vlmt::KvShape kv_shape(std::size_t capacity) const { return {2, sizes_.kv_heads, sizes_.dim, capacity}; }

  /// Cosines, then sines, of a token in `slot`.
  std::vector<float> angles(std::size_t slot) const {
    const std::size_t half = sizes_.dim / 2;
    std::vector<float> row(2 * half);
    for (std::size_t i = 0; i < half; ++i) {
      const double angle =
          (2.0 * static_cast<double>(slot) + 3.0) / std::pow(100.0, static_cast<double>(i) / static_cast<double>(half));
      row[i] = static_cast<float>(std::cos(angle));
      row[half + i] = static_cast<float>(std::sin(angle));
    }
    return row;
  }

  /// The block on rows x, whose tokens are in `slots`. set(sequences) tells where keys and values are: `count`
  /// sequences of at most `pages` pages, with `capacity` slots in all.
  template <class Set>
  std::vector<float> run(std::vector<float> x, const std::vector<std::size_t>& slots, std::size_t count,
                         std::size_t pages, std::size_t capacity, const Set& set) const {
    using Types = vlmt::BackendTypes<B>;
    const std::size_t n = slots.size();
    std::vector<float> table;
    for (const std::size_t slot : slots) {
      const std::vector<float> row = angles(slot);
      table.insert(table.end(), row.begin(), row.end());
    }
    struct Workspace {
      vlmt::InputRows input;
      vlmt::AttentionBuffers<B> buffers;
      vlmt::StepSequences sequences;
    };
    vlmt::Buffer memory;
    const Workspace w = carve(memory, [&](vlmt::Carver& c) {
      return Workspace{Types::take_normed_rows(c, n, sizes_.hidden),
                       vlmt::AttentionBuffers<B>::take(c, shapes_, n, capacity, count, step_members),
                       vlmt::StepSequences::take(c, count, pages)};
    });
    set(w.sequences);
    const vlmt::AttentionWeights<B> weights{norm_.data(), q_norm_.data(), k_norm_.data(), q_.matrix(),
                                            k_.matrix(),  v_.matrix(),    out_.matrix()};
    run_step<Arch>([&](auto& step) {
      vlmt::attention_block<M>(step, shapes_, weights, w.buffers, w.input, x.data(), n, w.sequences.of(count), layer,
                               table.data(), epsilon, precision_.numerics,
                               1.0f / std::sqrt(static_cast<float>(sizes_.dim)), typename M::Attention{});
    });
    return x;
  }

  /// The same in double.
  Matrix compute(const std::vector<float>& x, const std::vector<std::size_t>& slots,
                 const std::vector<DoubleRows>& sequences, Rounding rounding) const {
    Matrix rows = to_matrix(x, sizes_.hidden), table(rows.rows(), static_cast<Index>(sizes_.dim));
    for (std::size_t t = 0; t < slots.size(); ++t) table.row(static_cast<Index>(t)) = to_row(angles(slots[t]));
    twin.add(rows, sequences, table, rounding);
    return rows;
  }

  Rounding rounding(std::size_t rows) const { return precision_.template rounding<Arch>(rows); }
  std::size_t hidden() const { return sizes_.hidden; }

  DoubleAttention twin;

 private:
  Precision precision_;
  AttentionSizes sizes_;
  vlmt::DynamicShapes shapes_{};
  std::vector<float> norm_, q_norm_, k_norm_;
  TestWeights<Arch> q_, k_, v_, out_;
};

/// A contiguous cache with NaN in all slots.
inline vlmt::KvCache empty_cache(const vlmt::KvShape& shape, const vlmt::KvLeaf& leaf) {
  vlmt::KvCache cache(shape, leaf, leaf);
  std::memset(cache.data(), 0xff, cache.bytes());
  return cache;
}

/// A cache of its own with the first n cells of another one.
inline vlmt::KvCache fork_of(const vlmt::KvCache& cache, std::size_t n) {
  vlmt::KvCache copy = cache.like();
  vlmt::Solo solo;
  vlmt::StepNow<> step(solo.member());
  step(vlmt::op::CopyCells{cache.layout(), cache.data(), copy.data(), cache.shape().layers, n});
  return copy;
}

/// Sequences in contiguous caches, with their caches in double.
template <class M, class Arch>
class AttentionSteps {
 public:
  AttentionSteps(const AttentionCase<M, Arch>& block, std::size_t sequences, std::size_t capacity,
                 const vlmt::KvLeaf& leaf = vlmt::kv_leaf_v<vlmt::F32, Arch>)
      : block_(&block), capacity_(capacity), exact_(sequences), rounded_(sequences) {
    for (std::size_t i = 0; i < sequences; ++i) caches.push_back(empty_cache(block.kv_shape(capacity), leaf));
  }

  /// Runs one step over random rows and compares it.
  void step(const std::vector<StepPart>& parts) {
    std::vector<std::size_t> slots;
    for (const StepPart& p : parts) {
      for (std::size_t t = 0; t < p.rows; ++t) slots.push_back(length(p.sequence) + t);
    }
    const std::vector<float> x = gaussian(slots.size() * block_->hidden(), ++seed_);
    const std::vector<float> got = block_->run(x, slots, parts.size(), 1, capacity_, [&](const vlmt::StepSequences& s) {
      for (std::size_t i = 0; i < parts.size(); ++i) {
        s.set(i, caches[parts[i].sequence], length(parts[i].sequence), parts[i].rows, parts[i].kind);
      }
    });
    expect_computed(got, block_->rounding(slots.size()), [&](Rounding rounding) {
      std::vector<DoubleCache>& histories = rounding == Rounding::none ? exact_ : rounded_;
      std::vector<DoubleRows> rows;
      for (const StepPart& p : parts) rows.push_back({&histories[p.sequence], static_cast<Index>(p.rows)});
      return block_->compute(x, slots, rows, rounding);
    });
  }

  std::size_t length(std::size_t sequence) const { return static_cast<std::size_t>(exact_[sequence].keys.rows()); }

  std::vector<vlmt::KvCache> caches;

 private:
  const AttentionCase<M, Arch>* block_;
  std::size_t capacity_;
  std::vector<DoubleCache> exact_;
  std::vector<DoubleCache> rounded_;  ///< of steps whose products round
  unsigned seed_ = 100;
};

}  // namespace vlmt_test
