// What programs tell about a planned request: sizes of images and videos, and why they or the context were lowered.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <vlmt/runtime/image_budget.hpp>

namespace programs {

/// Sizes and tokens of one image or video.
struct MediaCost {
  std::string name;
  int frames = 1;
  int width = 0;
  int height = 0;
  int resized_width = 0;
  int resized_height = 0;
  std::size_t tokens = 0;
  std::size_t full_tokens = 0;   ///< without limits by room and time
  std::size_t timed_tokens = 0;  ///< under the limits by time alone
  std::size_t keeping = 0;       ///< --max-image-tokens that gives them; counts the pixels of all frames of a video
  std::size_t limit = 0;         ///< bound in tokens; 0: the size was not lowered
  std::string reason;            ///< of the bound: "time" or "room"; empty if there is none
  double seconds = 0.0;          ///< estimate to encode it; 0: none was needed
  double full_seconds = 0.0;     ///< the same without limits
};

MediaCost media_cost(const std::string& name, const vlmt::MediaSize& size, const vlmt::FittedImage& image,
                     const vlmt::PatchLayout& layout);

nlohmann::ordered_json to_json(const MediaCost& cost);

/// "photo.jpg: 4032 x 3024, resized to 1152 x 896: 1008 tokens", and a line feed.
std::string cost_line(const MediaCost& cost);

/// The context of a planned request and what it is compared with.
struct ContextFacts {
  std::size_t context = 0;
  std::size_t wanted = 0;   ///< larger than `context` if memory lowered it
  std::size_t trained = 0;  ///< of the model
  std::size_t prompt_tokens = 0;
  std::size_t max_tokens = 0;  ///< of the answer; 0: until the context is full
  bool chosen = false;         ///< automatically
};

/// One line for each image whose size was lowered: tokens before and after, why, and what more costs.
std::vector<std::string> shrunk_lines(std::span<const MediaCost> media, const ContextFacts& facts);

/// Lines about a context that is larger than the model was trained for, or that memory has lowered.
std::vector<std::string> context_lines(const ContextFacts& facts);

/// What allows more than the context, after what is full: "; --context allows up to 4096". `resets`: also /reset.
std::string context_advice(const ContextFacts& facts, bool resets);

/// Why an answer of `tokens` tokens ended at its limit, and what allows more. `full`: the limit is the context.
std::string cut_line(const ContextFacts& facts, std::size_t tokens, bool full, bool resets);

}  // namespace programs
