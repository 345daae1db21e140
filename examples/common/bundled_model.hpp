// The models that programs use without --model, and sample images for them. Both are part of the source tree and are
// searched beside the program.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace programs {

struct ModelFiles {
  std::string name;  ///< the model's file name without its format: "tiny-moe"
  std::string model;
  std::string mmproj;
  bool trained = false;  ///< false: random weights, for tests
};

/// The trained models in the folder `tiny`, else those in `golden` (random weights). The first is the default.
std::vector<ModelFiles> bundled_models();

/// The folder of the bundled images, with questions and correct answers in items.jsonl.
std::optional<std::string> find_bundled_samples();

/// Resolves `model` and `mmproj` of a command line: the bundled default if `model` is empty, a bundled model by its
/// name, else the paths themselves. If `wants_vision` and `mmproj` is empty, looks for it beside the model
/// (find_mmproj.hpp). Warns on standard error, in the name of `program`, about a bundled model with random weights.
/// Throws vlmt::InputError if `model` is empty and no model is bundled, and if several mmproj files fit.
ModelFiles choose_model(const std::string& model, const std::string& mmproj, const char* program, bool wants_vision);

}  // namespace programs
