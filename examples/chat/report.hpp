// The report of vlmt-chat on an answer, as text and as JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Sizes and tokens of one image or video.
struct MediaCost {
  std::string name;
  int frames = 1;
  int width = 0;
  int height = 0;
  int resized_width = 0;
  int resized_height = 0;
  std::size_t tokens = 0;
};

/// Bytes of each part of the memory plan.
struct PlanBytes {
  std::size_t weights = 0;
  std::size_t tokenizer = 0;
  std::size_t kv_cache = 0;
  std::size_t workspace = 0;
  std::size_t vision = 0;
  std::size_t features = 0;
  std::size_t total = 0;
  std::size_t mapped = 0;  ///< not in the total
};

struct Report {
  std::string text;
  std::vector<int> tokens;
  std::string finish;
  std::size_t prompt_tokens = 0;
  std::size_t cached_tokens = 0;
  std::size_t visual_tokens = 0;
  std::size_t images = 0;
  double load_seconds = 0.0;
  double vision_seconds = 0.0;
  double first_token_seconds = 0.0;
  double prefill_seconds = 0.0;
  double decode_seconds = 0.0;
  std::size_t peak_bytes = 0;
  PlanBytes plan;
  std::vector<MediaCost> media;

  double prefill_rate() const;  ///< tokens per second, without those from the KV cache
  double decode_rate() const;   ///< tokens per second, without the first
};

/// Each result ends with a line feed, unless it is empty.
std::string cost_lines(const std::vector<MediaCost>& media);
std::string plan_line(const PlanBytes& plan);
std::string stats_lines(const Report& report);
std::string to_json(const Report& report);
std::string plan_json(const std::vector<MediaCost>& media, const PlanBytes& plan);
std::string error_json(std::string_view message);
