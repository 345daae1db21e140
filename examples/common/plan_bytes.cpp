// See plan_bytes.hpp.
#include "plan_bytes.hpp"

#include <nlohmann/json.hpp>

namespace programs {

nlohmann::ordered_json to_json(const PlanBytes& p) {
  return {{"weights", p.weights},
          {"tokenizer", p.tokenizer},
          {"kv_cache", p.kv_cache},
          {"workspace", p.workspace},
          {"vision", p.vision},
          {"features", p.features},
          {"feature_cache", p.feature_cache},
          {"total", p.total},
          {"mapped", p.mapped}};
}

}  // namespace programs
