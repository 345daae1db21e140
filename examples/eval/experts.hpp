// Which experts of a mixture matter: how much the routers use each of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "../common/task_set.hpp"
#include "answering.hpp"

namespace eval {

/// For each layer and expert the sum of the routers' weights over all tokens of the questions.
using ExpertUse = std::vector<std::vector<double>>;

/// Counts while the model reads the questions; their answers play no part. Throws vlmt::Error.
ExpertUse measure_expert_use(const std::string& model, const std::string& mmproj,
                             const std::vector<programs::TaskItem>& items, const AnsweringOptions& options);

/// For each layer the `count` experts that are used most, ascending.
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
