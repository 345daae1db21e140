// The models that programs use when none is named, and pictures to try them on: they come with the sources and are
// found beside the program.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace programs {

struct ModelFiles {
  std::string name;  ///< of the model file, without its format: "tiny-moe"
  std::string model;
  std::string mmproj;
  bool trained = false;  ///< false: random weights, made for tests; its words mean nothing
};

/// The trained models `tiny` and those beside it, or else `golden`, which is made for tests; the default first.
std::vector<ModelFiles> bundled_models();

/// The folder of the bundled pictures, with questions and their right answers in items.jsonl.
std::optional<std::string> find_bundled_samples();

/// The files that `model` and `mmproj` of a command line mean: the bundled default if no model is named, a bundled one
/// by its name ("tiny-moe"), else the files themselves. `program` starts the line on standard error that tells of a
/// model with random weights. Throws vlmt::InputError if a bundled model is needed and none is there.
ModelFiles choose_model(const std::string& model, const std::string& mmproj, const char* program);

}  // namespace programs
