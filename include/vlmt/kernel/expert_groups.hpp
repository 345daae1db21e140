// Rows grouped by expert: what a router makes and a grouped matmul reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// The n * k choices of a router, ordered by expert and, within one expert, by token: rows [offsets[e], offsets[e + 1])
/// of the grouped order belong to expert e. Plain pointers into the workspace, read when kernels run.
struct ExpertGroups {
  std::int32_t* offsets = nullptr;    ///< (experts + 1)
  std::int32_t* tokens = nullptr;     ///< (n * k): the token of each grouped row
  std::int32_t* positions = nullptr;  ///< (n, k): the grouped row of each token's choice
  std::size_t experts = 0;
};

VLMT_END_NAMESPACE
