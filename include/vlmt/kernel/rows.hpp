// Operations on whole rows: embedding lookup, placing image features, adding rows, weighted sums of rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/rows.hpp"
#include "vlmt/kernel/ref/rows.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

/// Decodes one row of a matrix of any format and layout to floats.
struct RowDecoder {
  const void* matrix = nullptr;
  void (*decode)(const void* matrix, std::size_t row, float* out) noexcept = nullptr;
  std::size_t rows = 0;
};

/// y[t] = row ids[t] of the table, y (n, h). A negative id leaves row t of y unchanged: place_features writes
/// there. Asserts that each id is a row of the table. Tokens are split across the team.
inline void embed_rows(const RowDecoder& table, const std::int32_t* ids, std::size_t n, std::size_t h, float* y,
                       Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("embed_rows", table.decode);
    VLMT_ASSERT_SET("embed_rows", ids);
    VLMT_ASSERT_SET("embed_rows", y);
  }
  const Range tokens = m.share(n);
  for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
    VLMT_ASSERT_LT("embed_rows", ids[t], table.rows);
    if (ids[t] >= 0) table.decode(table.matrix, static_cast<std::size_t>(ids[t]), y + t * h);
  }
}

/// y[i] = x[from[i]] for i < n, rows of h floats.
inline void gather_rows(const float* x, const std::int32_t* from, std::size_t n, std::size_t h, float* y,
                        Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("gather_rows", x);
    VLMT_ASSERT_SET("gather_rows", from);
    VLMT_ASSERT_SET("gather_rows", y);
  }
  const Range rows = m.share(n);
  for (std::size_t i = rows.begin; i < rows.end; ++i) {
    std::copy_n(x + static_cast<std::size_t>(from[i]) * h, h, y + i * h);
  }
}

/// y[to[i]] = level 0 of features[i] for i < n, rows of h floats. `to` must not name a row twice.
inline void place_features(const FeatureRow* features, const std::int32_t* to, std::size_t n, std::size_t h, float* y,
                           Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("place_features", features);
    VLMT_ASSERT_SET("place_features", to);
    VLMT_ASSERT_SET("place_features", y);
  }
  const Range rows = m.share(n);
  for (std::size_t i = rows.begin; i < rows.end; ++i) {
    std::copy_n(features[i].row, h, y + static_cast<std::size_t>(to[i]) * h);
  }
}

/// y[to[i]] += level `level` of features[i] for i < n, rows of h floats. `to` must not name a row twice.
template <class Arch>
void add_features(const FeatureRow* features, std::size_t level, const std::int32_t* to, std::size_t n, std::size_t h,
                  float* y, Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("add_features", features);
    VLMT_ASSERT_SET("add_features", to);
    VLMT_ASSERT_SET("add_features", y);
  }
  const Range rows = m.share(n);
  for (std::size_t i = rows.begin; i < rows.end; ++i) {
    const float* from = features[i].row + level * features[i].level_stride;
    float* target = y + static_cast<std::size_t>(to[i]) * h;
    if constexpr (is_reference_v<Arch>) {
      ref::add_row(from, h, target);
    } else {
      cpu::add_row<Arch>(from, h, target);
    }
  }
}

/// y[t] += sum over j < k of weights[t, j] * x[rows[t, j]], in the order of j: the outputs of a token's experts, or the
/// corners of an interpolated position embedding. y (n, h), weights and rows (n, k). The sum is completed before it is
/// added to y.
template <class Arch>
void add_weighted_rows(const float* x, const std::int32_t* rows, const float* weights, std::size_t n, std::size_t k,
                       std::size_t h, float* y, Member& m = Solo().member()) {
  if (n * k != 0) {
    VLMT_ASSERT_SET("add_weighted_rows", x);
    VLMT_ASSERT_SET("add_weighted_rows", rows);
    VLMT_ASSERT_SET("add_weighted_rows", weights);
    VLMT_ASSERT_SET("add_weighted_rows", y);
  }
  constexpr std::size_t columns = 512;  // splits even one token across the team
  const std::size_t pieces = (h + columns - 1) / columns;
  const Range items = m.share(n * pieces);
  for (std::size_t item = items.begin; item < items.end; ++item) {
    const std::size_t t = item / pieces;
    const std::size_t c = item % pieces * columns;
    const std::size_t count = std::min(columns, h - c);
    if constexpr (is_reference_v<Arch>) {
      ref::add_weighted_row(x + c, h, rows + t * k, weights + t * k, k, count, y + t * h + c);
    } else {
      cpu::add_weighted_row<Arch>(x + c, h, rows + t * k, weights + t * k, k, count, y + t * h + c);
    }
  }
}

VLMT_END_NAMESPACE
