// The contents of a model file and the memory plan, as plain data, text or JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "../common/plan_bytes.hpp"
#include "../common/request_report.hpp"

namespace inspect {

struct TensorLine {
  std::string name;
  std::string type;
  std::vector<std::uint64_t> shape;  ///< in the file's order: innermost dimension first in GGUF, last in safetensors
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  ///< from the start of its file
  std::string file;          ///< of a split; empty otherwise
};

/// A key and its value in JSON, complete.
struct Value {
  std::string key;
  std::string type;  ///< of GGUF, for arrays: "array of 3 f32"; empty in safetensors, where all are strings
  std::shared_ptr<const nlohmann::ordered_json> value;
};

struct Contents {
  std::string path;
  std::string format;  ///< "GGUF 3" or "safetensors"
  std::vector<Value> values;
  std::vector<TensorLine> tensors;
};

/// Reads headers only. Throws vlmt::FileError.
Contents read_contents(const std::string& path);

/// The value of a key as it is: a string without quotes, an array one element a line; with a line feed. Throws
/// vlmt::FileError if there is no such key.
std::string raw_value(const std::string& path, const std::string& key);

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
  programs::PlanBytes bytes;
  std::size_t available = 0;
  std::string limit;  ///< what sets `available`
};

/// Throws vlmt::Error.
Plan make_plan(const PlanRequest& request);

/// Long values are abbreviated.
std::string to_text(const Contents& contents);
std::string to_text(const PlanRequest& request, const Plan& plan);
/// Complete.
std::string to_json(const Contents& contents);
std::string to_json(const PlanRequest& request, const Plan& plan);

}  // namespace inspect
