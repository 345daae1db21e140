// A model with its settings, and the list of configurations that a comparison runs.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eval {

/// A model and all settings that may change its answers.
struct Configuration {
  std::string model;                    ///< path
  std::string mmproj;                   ///< path of the vision encoder
  std::string name;                     ///< of the model, for reports
  std::string weights = "file";         ///< format or mixture of the language model; "file": as stored
  std::string vision_weights = "file";  ///< the same for the vision encoder
  std::string kv = "F16";               ///< format of the KV cache
  std::string kernels = "fast";         ///< or "exact": float32 activations
  std::string images = "true";          ///< or "blank" (grey), or "swapped": images of another question of the task
  std::string deepstack = "on";         ///< or "zero": DeepStack features are zero
  double scale = 1.0;                   ///< factor on both sides of the size that the model would encode
  std::size_t experts = 0;              ///< kept in each layer; 0: all
};

/// A number without trailing zeros: 0.5, 1.
std::string short_number(double value);

/// The label of `c`: the model name and the settings that differ from `baseline`; for the baseline itself, the name.
std::string label(const Configuration& c, const Configuration& baseline);

/// The values of each setting; the first one is used by the baseline.
struct Matrix {
  std::vector<Configuration> models;  ///< with default settings
  std::vector<std::string> weights = {"file"};
  std::vector<std::string> vision_weights = {"file"};
  std::vector<std::string> kv = {"F16"};
  std::vector<std::string> kernels = {"fast"};
  std::vector<std::string> images = {"true"};
  std::vector<std::string> deepstack = {"on"};
  std::vector<double> scales = {1.0};
  std::vector<std::size_t> experts = {0};
  bool cross = false;  ///< all combinations instead of one change at a time
};

/// One row of a comparison.
struct Planned {
  Configuration configuration;
  std::optional<std::size_t> baseline;  ///< index of the row to compare with; none for the first row
};

/// The rows of a comparison: for each model its baseline, then its variations. A variation is compared with the
/// baseline of its model, the baseline of a later model with that of the first. The `experts` setting applies to
/// models for which `has_experts(model)` is true.
std::vector<Planned> plan(const Matrix& matrix, const std::function<bool(const Configuration&)>& has_experts);

}  // namespace eval
