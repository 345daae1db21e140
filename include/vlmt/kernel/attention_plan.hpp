// Tile and chunk sizes of attention, and the scratch memory they need.
#pragma once

#include <cstddef>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Slots per chunk of the cache in decode. Fixed, so that results do not depend on the number of threads.
inline constexpr std::size_t attention_chunk = 256;
/// Slots per tile of keys and values.
inline constexpr std::size_t attention_key_tile = 64;
/// Maximum query rows (tokens x query heads of one KV head) that share a loaded tile.
inline constexpr std::size_t attention_query_block = 512;

/// Maximum slots that queries of `attention` may see: it compares slots as floats, which are exact up to here.
inline constexpr std::size_t attention_max_slots = std::size_t{1} << 24;

/// Maximum query rows whose logits with one tile of keys are held at a time.
inline constexpr std::size_t attention_logit_rows = 128;

/// Queries of n tokens: head h of token t is at data[t * stride + h * head_dim]; token t is in slot *start + t.
struct QueryRows {
  const float* data = nullptr;
  std::size_t stride = 0;  ///< floats from token to token
  std::size_t n = 0;       ///< tokens
  std::size_t heads = 0;   ///< query heads, a multiple of the KV heads
};

/// Scratch floats per member, for heads of `head_dim` values.
constexpr std::size_t attention_tile_floats(std::size_t head_dim) noexcept {
  // Queries and outputs of a block, transposed; one tile of keys and one of values; logits (decode holds fewer rows,
  // each of a whole chunk); the state of every query row.
  const std::size_t rows = 2 * attention_query_block * head_dim + 2 * attention_key_tile * head_dim;
  const std::size_t logits = attention_key_tile * attention_logit_rows;
  return round_up(rows + logits + 5 * attention_query_block, std::size_t{16});
}

/// Scratch floats for the partial results of attention_split over n tokens and `capacity` slots, shared by the team.
constexpr std::size_t attention_partial_floats(std::size_t n, std::size_t heads, std::size_t head_dim,
                                               std::size_t capacity) noexcept {
  return n * heads * ceil_div(capacity, attention_chunk) * (head_dim + 2);
}

/// Scratch memory of attention, sized by the functions above.
struct AttentionScratch {
  float* tiles = nullptr;     ///< attention_tile_floats(head_dim) per member, aligned to 8 bytes
  float* partials = nullptr;  ///< attention_partial_floats(...); used only by attention_split and attention_merge
  std::size_t capacity = 0;   ///< slots that `partials` was sized for
};

VLMT_END_NAMESPACE
