// Expert use of a mixture-of-experts model, measured to decide which experts to keep.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "../common/task_set.hpp"
#include "answering.hpp"

namespace eval {

/// Sum of router weights over all prompt tokens, (layers, experts).
using ExpertUse = std::vector<std::vector<double>>;

/// Prefills the questions and counts expert use; no answers are generated. Throws vlmt::Error, and
/// vlmt::Cancelled soon after options.stop is set.
ExpertUse measure_expert_use(const std::string& model, const std::string& mmproj,
                             const std::vector<programs::TaskItem>& items, const AnsweringOptions& options);

/// The `count` most used experts of each layer, in ascending order.
inline std::vector<std::vector<std::size_t>> most_used(const ExpertUse& use, std::size_t count) {
  std::vector<std::vector<std::size_t>> kept;
  for (const std::vector<double>& layer : use) {
    std::vector<std::size_t> order(layer.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return layer[a] > layer[b]; });
    order.resize(std::min(count, order.size()));
    std::sort(order.begin(), order.end());
    kept.push_back(std::move(order));
  }
  return kept;
}

}  // namespace eval
