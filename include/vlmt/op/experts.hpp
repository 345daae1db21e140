// Choice and grouping of experts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/op/expert_groups.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// ids and weights (rows, used) of the experts that `router` chooses by logits (rows, experts), which it overwrites.
template <class Router>
struct Route {
  Router router;
  float* logits = nullptr;
  std::size_t rows = 0;
  std::size_t experts = 0;
  std::size_t used = 0;
  std::int32_t* ids = nullptr;
  float* weights = nullptr;
};

/// Orders the choices ids (rows, used) by expert, tokens in order within an expert.
struct Group {
  const std::int32_t* ids = nullptr;
  std::size_t rows = 0;
  std::size_t used = 0;
  ExpertGroups groups;
};

}  // namespace op

VLMT_END_NAMESPACE
