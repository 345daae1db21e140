// Products of rows with weights: rows x weights x epilogue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/op/expert_groups.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// One matrix (out, in).
template <class Matrix>
struct One {
  Matrix w;
};

/// Two matrices of one shape over the same rows: gate and up of a gated MLP.
template <class Matrix>
struct Pair {
  Matrix first;
  Matrix second;
};

/// The projections of queries, keys and values over the same rows.
template <class Matrix>
struct Qkv {
  Matrix q;  ///< (heads * head_dim, in)
  Matrix k;  ///< (kv_heads * head_dim, in)
  Matrix v;  ///< (kv_heads * head_dim, in)
};

/// One matrix for each expert. The rows are those of tokens, read through groups.tokens, or the grouped rows.
template <class Experts>
struct Grouped {
  Experts w;
  ExpertGroups groups;
  bool rows_of_tokens = false;
};

/// Two matrices of one shape for each expert: gate and up.
template <class Experts>
struct GroupedPair {
  Experts first;
  Experts second;
  ExpertGroups groups;
  bool rows_of_tokens = false;
};

/// epilogue(rows * weights^T).
template <class Rows, class Weights, class Epilogue>
struct Product {
  Rows rows;
  Weights weights;
  Epilogue epilogue;
};

}  // namespace op

VLMT_END_NAMESPACE
