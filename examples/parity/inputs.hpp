// Inputs of the cases in cases.safetensors, and the settings of a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checker.hpp"

namespace parity {

/// Patches of one image or video, ready for the vision encoder.
struct Visual {
  bool video = false;
  int t = 1, h = 0, w = 0;     ///< patches
  std::vector<float> patches;  ///< (t * h * w, values)
};

struct Case {
  std::string name;
  std::vector<int> ids;
  std::vector<Visual> images;  ///< in prompt order
  std::vector<Visual> videos;
};

/// Preprocessing parameters and placeholder tokens from a model's files.
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
  bool fast = false;               ///< fast numerics: activations rounded to int8
  std::string kv;                  ///< KV cache format; empty: F32, or the family's KvFormat if fast
  std::vector<std::string> cases;  ///< empty: all
  std::optional<std::uint64_t> min_pixels, max_pixels;
  bool has_dump = false;
  Limits features, hidden;
};

/// Names of the cases in a file.
std::vector<std::string> case_names(const Checker& checker);

/// Reads the rules from the headers of a model's files. Throws vlmt::FileError.
VisionRules read_rules(const std::string& model, const std::string& mmproj);

/// Reads a case. Cuts patches from its raw images and compares them with its pixel values; the case holds the file's
/// values where they exist. Throws vlmt::Error.
Case read_case(Checker& checker, const std::string& name, const VisionRules& rules, const Settings& settings);

/// Runs the cases on the kernels for this processor, or on the scalar ones of kernel/ref.
void check_native(Checker& checker, const Settings& settings, const VisionRules& rules);
void check_reference(Checker& checker, const Settings& settings, const VisionRules& rules);

/// Checks the rules of tables.safetensors: sizes, frames, patches, positions.
void check_tables(Checker& checker);

}  // namespace parity
