// Rows grouped by expert: written by group_by_expert, read by grouped_matmul.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// The n * k choices of a router, ordered by expert and, within an expert, by token: rows [offsets[e], offsets[e + 1])
/// of the grouped order belong to expert e. Non-owning pointers into the workspace, read when kernels run.
struct ExpertGroups {
  std::int32_t* offsets = nullptr;    ///< (experts + 1)
  std::int32_t* tokens = nullptr;     ///< (n * k): token of each grouped row
  std::int32_t* positions = nullptr;  ///< (n, k): grouped row of each token's choice
  std::size_t experts = 0;
};

VLMT_END_NAMESPACE
