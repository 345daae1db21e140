// See configuration.hpp.
#include "configuration.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eval {

std::string short_number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string label(const Configuration& c, const Configuration& baseline) {
  std::string text;
  const auto add = [&](bool differs, const std::string& what) {
    if (differs) text += (text.empty() ? "" : ", ") + what;
  };
  add(c.weights != baseline.weights, "weights " + c.weights);
  add(c.vision_weights != baseline.vision_weights, "vision weights " + c.vision_weights);
  add(c.kv != baseline.kv, "KV cache " + c.kv);
  add(c.kernels != baseline.kernels, "kernels " + c.kernels);
  add(c.images != baseline.images, "images " + c.images);
  add(c.deepstack != baseline.deepstack, "DeepStack " + c.deepstack);
  add(c.scale != baseline.scale, "images " + short_number(c.scale) + "x");
  add(c.experts != baseline.experts, c.experts == 0 ? "all experts" : std::to_string(c.experts) + " experts");
  return text.empty() ? c.name : c.name + ", " + text;
}

std::vector<Planned> plan(const Matrix& matrix, const std::function<bool(const Configuration&)>& has_experts) {
  std::vector<Planned> rows;
  for (const Configuration& model : matrix.models) {
    const std::size_t own = rows.size();
    Configuration base = model;
    base.weights = matrix.weights.front();
    base.vision_weights = matrix.vision_weights.front();
    base.kv = matrix.kv.front();
    base.kernels = matrix.kernels.front();
    base.images = matrix.images.front();
    base.deepstack = matrix.deepstack.front();
    base.scale = matrix.scales.front();
    const bool mixture = has_experts(model);
    base.experts = mixture ? matrix.experts.front() : 0;

    std::vector<Configuration> found = {base};
    // Applies the values of one setting to the baseline, or with `cross` to all configurations so far.
    const auto vary = [&](auto Configuration::*setting, const auto& values) {
      const std::size_t sources = matrix.cross ? found.size() : 1;
      for (std::size_t s = 0; s < sources; ++s) {
        for (std::size_t v = 1; v < values.size(); ++v) {
          Configuration changed = found[s];
          changed.*setting = values[v];
          found.push_back(changed);
        }
      }
    };
    vary(&Configuration::weights, matrix.weights);
    vary(&Configuration::vision_weights, matrix.vision_weights);
    vary(&Configuration::kv, matrix.kv);
    vary(&Configuration::kernels, matrix.kernels);
    vary(&Configuration::images, matrix.images);
    vary(&Configuration::deepstack, matrix.deepstack);
    vary(&Configuration::scale, matrix.scales);
    if (mixture) vary(&Configuration::experts, matrix.experts);
    for (const Configuration& c : found) {
      const bool is_base = rows.size() == own;
      rows.push_back({c, is_base ? (own == 0 ? std::nullopt : std::optional<std::size_t>(0)) : own});
    }
  }
  return rows;
}

}  // namespace eval
