// Attention over caches and over activations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// out (rows, heads * head_dim) = attention of the queries in qkv over the caches of their sequences in `layer`.
/// Variant is an AttentionVariantType. Keys and values of the rows themselves have been cached. log_sums are natural
/// logarithms of the sums of the exponentials of logits, sinks included; -infinity where there is neither a key nor a
/// sink. By them, attention over parts of the keys is merged (kernel/merge_attention.hpp).
template <class Variant, class Sequences, class Rows, class Scratch>
struct Attend {
  Variant variant;
  const float* qkv = nullptr;  ///< (rows, stride), queries first
  std::size_t stride = 0;
  std::size_t heads = 0;
  std::size_t head_dim = 0;
  float scale = 1.0f;
  Sequences sequences;
  std::size_t layer = 0;
  Rows out;
  Scratch scratch;
  float* log_sums = nullptr;  ///< (rows, heads); null: not stored
};

/// The same over the keys and values beside the queries, without a cache: rows of qkv are [queries | keys | values],
/// each (heads * head_dim). out (rows, heads * head_dim) in floats. `variant` is over rows: SegmentedAttention keeps
/// images apart.
template <class Variant, class Scratch>
struct AttendRows {
  Variant variant;
  float* qkv = nullptr;  ///< (rows, 3 * heads * head_dim)
  std::size_t rows = 0;
  std::size_t heads = 0;
  std::size_t head_dim = 0;
  float scale = 1.0f;
  float* out = nullptr;
  Scratch scratch;
  float* log_sums = nullptr;  ///< (rows, heads), as above
};

/// weights (heads, rows, slots) = the weights with which op::Attend sums values, for probes. Slots past those of a
/// row's sequence get 0.
template <class Variant, class Sequences, class Scratch>
struct AttentionWeights {
  Variant variant;
  const float* qkv = nullptr;  ///< as of op::Attend
  std::size_t stride = 0;
  std::size_t heads = 0;
  std::size_t head_dim = 0;
  float scale = 1.0f;
  Sequences sequences;
  std::size_t layer = 0;
  std::size_t rows = 0;
  std::size_t slots = 0;  ///< at least those of every sequence, the rows of this step included
  float* weights = nullptr;
  Scratch scratch;
};

}  // namespace op

VLMT_END_NAMESPACE
