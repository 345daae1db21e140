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
std::string short_number(double value);

/// What `c` is called beside its baseline: the settings in which it differs. The baseline is called as its model.
std::string label(const Configuration& c, const Configuration& baseline);

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
std::vector<Planned> plan(const Matrix& matrix, const std::function<bool(const Configuration&)>& has_experts);

}  // namespace eval
