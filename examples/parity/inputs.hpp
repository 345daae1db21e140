// What a case of cases.safetensors gives to a model, and what it takes to run it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checker.hpp"

namespace parity {

/// Patches of one picture or video, ready for the tower.
struct Visual {
  bool video = false;
  int t = 1, h = 0, w = 0;     ///< patches
  std::vector<float> patches;  ///< (t * h * w, values)
};

struct Case {
  std::string name;
  std::vector<int> ids;
  std::vector<Visual> pictures;  ///< in the order of the prompt
  std::vector<Visual> videos;
};

/// What a model's files say about pictures.
struct VisionRules {
  int patch = 16, temporal = 2, merge = 2;
  float mean[3] = {0.5f, 0.5f, 0.5f};
  float std[3] = {0.5f, 0.5f, 0.5f};
  std::uint64_t min_pixels = 0, max_pixels = 0;
  int image_token = -1, video_token = -1;
};

struct Settings {
  std::string model, mmproj;
  std::vector<std::size_t> chunks;
  std::vector<std::size_t> threads;
  std::size_t turns = 1;
  bool fast = false;               ///< kernels with rounded activations
  std::string kv;                  ///< format of the KV cache; empty: F32, with fast kernels the family's
  std::vector<std::string> cases;  ///< empty: all
  std::optional<std::uint64_t> min_pixels, max_pixels;
  bool has_dump = false;
  Limits features, hidden;
};

/// Names of the cases in a file.
std::vector<std::string> case_names(const Checker& checker);

/// Reads rules from the headers of a model's files. Throws vlmt::FileError.
VisionRules read_rules(const std::string& model, const std::string& mmproj);

/// Reads a case: patches are cut from its raw pictures and compared with its pixel values; the tower will get the
/// latter where the file has them. Throws vlmt::Error.
Case read_case(Checker& checker, const std::string& name, const VisionRules& rules, const Settings& settings);

/// Runs all cases with kernels for this processor, or with the scalar ones of kernel/ref.
void check_native(Checker& checker, const Settings& settings, const VisionRules& rules);
void check_reference(Checker& checker, const Settings& settings, const VisionRules& rules);

/// Checks the rules of tables.safetensors: sizes, frames, patches, positions.
void check_tables(Checker& checker);

}  // namespace parity
