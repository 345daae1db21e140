// The report of vlmt-chat on an answer, as text and as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../common/plan_bytes.hpp"
#include "../common/request_report.hpp"
#include "answer_places.hpp"

struct Report {
  std::string text;
  std::string reasoning;
  std::vector<int> tokens;
  std::string finish;
  std::optional<std::uint64_t> seed;  ///< of its random numbers; none if greedy
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
  programs::PlanBytes plan;
  std::size_t context = 0;
  std::vector<std::string> notes;  ///< for the user, after the answer
  std::vector<programs::MediaCost> media;
  AnswerPlaces places;  ///< only looked for with --json and --draw

  double prefill_rate() const;  ///< tokens per second, without those from the KV cache
  double decode_rate() const;   ///< tokens per second, without the first
};

/// Each result ends with a line feed, unless it is empty.
std::string cost_lines(const std::vector<programs::MediaCost>& media);
std::string plan_line(const programs::PlanBytes& plan);
std::string stats_lines(const Report& report);
std::string to_json(const Report& report);
/// The plan of a request that is not answered.
std::string plan_lines(const std::vector<programs::MediaCost>& media, const programs::ContextFacts& context,
                       const programs::PlanBytes& plan);
std::string plan_json(const std::vector<programs::MediaCost>& media, const programs::ContextFacts& context,
                      const programs::PlanBytes& plan);
std::string error_json(std::string_view message);

/// Prints lines for the user to standard error.
void tell(const std::vector<std::string>& lines);
