// The memory plan of a model and a session as programs print it.
#pragma once

#include <cstddef>

#include <nlohmann/json_fwd.hpp>

namespace programs {

/// Bytes of each part, as in vlmt::MemoryPlan.
struct PlanBytes {
  std::size_t weights = 0;
  std::size_t tokenizer = 0;
  std::size_t kv_cache = 0;
  std::size_t workspace = 0;
  std::size_t vision = 0;
  std::size_t features = 0;
  std::size_t feature_cache = 0;
  std::size_t total = 0;
  std::size_t mapped = 0;  ///< not in the total
};

/// The bytes of a vlmt::MemoryPlan. A template, so that sources that only print need not include the models.
template <class MemoryPlan>
PlanBytes plan_bytes(const MemoryPlan& p) {
  return {p.weights, p.tokenizer, p.kv_cache, p.workspace, p.vision, p.features, p.feature_cache, p.total(), p.mapped};
}

nlohmann::ordered_json to_json(const PlanBytes& plan);

}  // namespace programs
