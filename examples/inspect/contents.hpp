// The contents of a model file and the memory plan, as plain data, text or JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../common/request_report.hpp"

namespace inspect {

struct TensorLine {
  std::string name;
  std::string type;
  std::vector<std::uint64_t> shape;  ///< in the file's order: innermost dimension first in GGUF, last in safetensors
  std::uint64_t bytes = 0;
};

struct Contents {
  std::string path;
  std::string format;                                       ///< "GGUF 3" or "safetensors"
  std::vector<std::pair<std::string, std::string>> values;  ///< key and abbreviated value
  std::vector<TensorLine> tensors;
};

/// Reads headers only. Throws vlmt::FileError.
Contents read_contents(const std::string& path);

/// The arguments of vlmt-inspect --plan.
struct PlanRequest {
  std::string model, mmproj;
  std::size_t context = 0;  ///< 0: chosen as vlmt-chat does
  std::size_t chunk = 256, threads = 0;
  std::string key_format, value_format;
  int image_width = 0, image_height = 0;
  int frames = 0;                    ///< of a video of this size; 0: one image
  std::size_t max_image_tokens = 0;  ///< 0: shrunk as vlmt-chat does
  std::size_t max_tokens = 1024;     ///< of the answer, as vlmt-chat allows by default
};

struct Plan {
  programs::MediaCost image;
  programs::ContextFacts context;
  std::size_t weights = 0, tokenizer = 0, kv_cache = 0, workspace = 0, vision = 0, features = 0, total = 0;
  std::size_t feature_cache = 0;
  std::size_t available = 0;
  std::string limit;  ///< what sets `available`
};

/// Throws vlmt::Error.
Plan make_plan(const PlanRequest& request);

std::string to_text(const Contents& contents);
std::string to_text(const PlanRequest& request, const Plan& plan);
std::string to_json(const Contents& contents);
std::string to_json(const PlanRequest& request, const Plan& plan);

}  // namespace inspect
