// Ops on whole rows of floats: embedding, image features, gathering, sums, conversion for products.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Features of one token of an image, where the vision encoder has left them. Row `row` is level 0; DeepStack level l
/// is l * level_stride values after it.
struct FeatureRow {
  const float* row = nullptr;
  std::size_t level_stride = 0;
};

namespace op {

/// y (rows, width): row t is row ids[t] of the table; rows with a negative id take features instead, row visual_at[i]
/// those of visual[i]. The ids have been checked against the table.
template <class Matrix>
struct Embed {
  Matrix table;
  const std::int32_t* ids = nullptr;        ///< (rows)
  const FeatureRow* visual = nullptr;       ///< (visual_rows)
  const std::int32_t* visual_at = nullptr;  ///< (visual_rows), each row once
  float* y = nullptr;
  std::size_t rows = 0;
  std::size_t visual_rows = 0;
  std::size_t width = 0;
};

/// y[to[i]] += level `level` of from[i] for i < rows: DeepStack features. `to` names no row twice.
struct ScatterAdd {
  const FeatureRow* from = nullptr;  ///< (rows)
  std::size_t level = 0;
  const std::int32_t* to = nullptr;
  float* y = nullptr;
  std::size_t rows = 0;
  std::size_t width = 0;
};

/// y[i] = x[from[i]] for i < rows: the rows that need logits.
struct Gather {
  const float* x = nullptr;
  const std::int32_t* from = nullptr;
  float* y = nullptr;  ///< (rows, width)
  std::size_t rows = 0;
  std::size_t width = 0;
};

/// y[t] += sum over j < terms of weights[t, j] * x[from[t, j]], in the order of j: the outputs of a token's experts, or
/// the corners of an interpolated position embedding. The sum is completed before it is added.
struct AddWeighted {
  const float* x = nullptr;            ///< (any, width)
  const std::int32_t* from = nullptr;  ///< (rows, terms)
  const float* weights = nullptr;      ///< (rows, terms)
  float* y = nullptr;                  ///< (rows, width)
  std::size_t rows = 0;
  std::size_t terms = 0;
  std::size_t width = 0;
};

/// Makes the float rows of `rows`, which another op has written, readable in the forms of their readers.
template <class Rows>
struct Convert {
  Rows rows;
};

}  // namespace op

VLMT_END_NAMESPACE
