// Epilogues of products as values: what happens to a tile of values before it is stored. They name no arch; a backend
// turns them into code.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// y[row, col] = value.
struct Store {
  float* y = nullptr;
  std::size_t stride = 0;  ///< floats from row to row
};

/// y[row, col] += value: the residual stream.
struct Add {
  float* y = nullptr;
  std::size_t stride = 0;
};

/// y[row, col] = value + bias[col].
struct StoreBiased {
  float* y = nullptr;
  std::size_t stride = 0;
  const float* bias = nullptr;
};

/// y[row, col] += value + bias[col].
struct AddBiased {
  float* y = nullptr;
  std::size_t stride = 0;
  const float* bias = nullptr;
};

/// out[row, col] = activation(value + bias[col]), rows for further products.
template <class Activation, class Rows>
struct Activate {
  Rows out;
  const float* bias = nullptr;
};

/// Of a pair of products: out[row, col] = activation(first) * second, rows for further products.
template <class Activation, class Rows>
struct Gate {
  Rows out;
};

/// Of the three products of queries, keys and values, by head: biases, norms of queries and keys, rotation of both,
/// queries to qkv, keys and values to the caches of their sequences. Row t of qkv is [queries | keys | values]; keys
/// and values may be left in it in any state.
template <class QkNorm, class Pairing, class Sequences>
struct RotateAndCache {
  QkNorm norm;
  const float* angles = nullptr;  ///< (rows, 2, head_dim / 2), see op::Angles
  float* qkv = nullptr;           ///< (rows, (heads + 2 kv_heads) * head_dim)
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  Sequences sequences;
  std::size_t layer = 0;
  const float* q_bias = nullptr;  ///< (heads * head_dim), or null
  const float* k_bias = nullptr;  ///< (kv_heads * head_dim), or null
  const float* v_bias = nullptr;  ///< the same
};

}  // namespace op

VLMT_END_NAMESPACE
