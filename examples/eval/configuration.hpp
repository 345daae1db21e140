// What a model is run with, and the configurations of a comparison: each differs from a baseline.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eval {

/// A model and everything that may change its answers.
struct Configuration {
  std::string model;  ///< path, and that of its vision tower
  std::string mmproj;
  std::string name;                     ///< of the model, for people
  std::string weights = "file";         ///< format or mixture of the language model; "file": as they are
  std::string vision_weights = "file";  ///< of the tower
  std::string kv = "F16";               ///< format of the KV cache
  std::string kernels = "fast";         ///< or "exact": float32 activations
  std::string pictures = "true";        ///< or "blank", or "swapped": those of another question of the task
  std::string deepstack = "on";         ///< or "zero": the tower's inner features vanish
  double scale = 1.0;                   ///< of each side of a picture, from what the model would see at 1
  std::size_t experts = 0;              ///< that are kept of each layer's; 0: all

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

/// A number without needless zeros: 0.5, 1.
inline std::string short_number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// What `c` is called beside its baseline: the settings in which it differs. The baseline is called as its model.
inline std::string label(const Configuration& c, const Configuration& baseline) {
  std::string text;
  const auto add = [&](bool differs, const std::string& what) {
    if (differs) text += (text.empty() ? "" : ", ") + what;
  };
  add(c.weights != baseline.weights, "weights " + c.weights);
  add(c.vision_weights != baseline.vision_weights, "vision weights " + c.vision_weights);
  add(c.kv != baseline.kv, "KV cache " + c.kv);
  add(c.kernels != baseline.kernels, "kernels " + c.kernels);
  add(c.pictures != baseline.pictures, "pictures " + c.pictures);
  add(c.deepstack != baseline.deepstack, "DeepStack " + c.deepstack);
  add(c.scale != baseline.scale, "pictures " + short_number(c.scale) + "x");
  add(c.experts != baseline.experts, c.experts == 0 ? "all experts" : std::to_string(c.experts) + " experts");
  return text.empty() ? c.name : c.name + ", " + text;
}

/// The values of each setting; the first is the baseline's.
struct Matrix {
  std::vector<Configuration> models;  ///< with all else as it is by default
  std::vector<std::string> weights = {"file"};
  std::vector<std::string> vision_weights = {"file"};
  std::vector<std::string> kv = {"F16"};
  std::vector<std::string> kernels = {"fast"};
  std::vector<std::string> pictures = {"true"};
  std::vector<std::string> deepstack = {"on"};
  std::vector<double> scales = {1.0};
  std::vector<std::size_t> experts = {0};
  bool cross = false;  ///< all combinations, not one change at a time
};

/// One row of a comparison.
struct Planned {
  Configuration configuration;
  std::optional<std::size_t> baseline;  ///< the row to compare with; nothing for the first
};

/// The rows of a comparison: for each model its baseline, then what differs from that. The baselines of later models
/// are compared with the first model's. `has_experts(model)` tells for which models dropping experts makes sense.
inline std::vector<Planned> plan(const Matrix& matrix, const std::function<bool(const Configuration&)>& has_experts) {
  std::vector<Planned> rows;
  for (const Configuration& model : matrix.models) {
    const std::size_t own = rows.size();
    Configuration base = model;
    base.weights = matrix.weights.front();
    base.vision_weights = matrix.vision_weights.front();
    base.kv = matrix.kv.front();
    base.kernels = matrix.kernels.front();
    base.pictures = matrix.pictures.front();
    base.deepstack = matrix.deepstack.front();
    base.scale = matrix.scales.front();
    const bool mixture = has_experts(model);
    base.experts = mixture ? matrix.experts.front() : 0;

    std::vector<Configuration> found = {base};
    // The values of one setting, applied to the baseline alone or, crossed, to all that there is so far.
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
    vary(&Configuration::pictures, matrix.pictures);
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
