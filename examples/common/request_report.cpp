// See request_report.hpp.
#include "request_report.hpp"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace programs {

namespace {

std::string about(double seconds) {
  char text[32];
  if (seconds < 10.0) {
    std::snprintf(text, sizeof text, "about %.1f s", seconds);
  } else if (seconds < 120.0) {
    std::snprintf(text, sizeof text, "about %.0f s", seconds);
  } else {
    std::snprintf(text, sizeof text, "about %.0f min", seconds / 60.0);
  }
  return text;
}

std::string pixels(const MediaCost& m) {
  return (m.frames == 1 ? "" : std::to_string(m.frames) + " frames of ") + std::to_string(m.width) + " x " +
         std::to_string(m.height);
}

}  // namespace

MediaCost media_cost(const std::string& name, const vlmt::MediaSize& size, const vlmt::FittedImage& image,
                     const vlmt::PatchLayout& layout) {
  MediaCost c;
  c.name = name;
  c.frames = size.frames == 0 ? 1 : size.frames;
  c.width = size.width;
  c.height = size.height;
  c.resized_width = image.grid.w * layout.patch;
  c.resized_height = image.grid.h * layout.patch;
  c.tokens = image.tokens;
  c.full_tokens = image.full_tokens;
  c.timed_tokens = image.timed_tokens;
  const auto slices = static_cast<std::size_t>(image.full.t), frames = static_cast<std::size_t>(c.frames);
  c.keeping = (image.full_tokens * frames + slices - 1) / slices;
  c.limit = image.limit;
  if (image.reason != vlmt::SizeReason::none) c.reason = vlmt::name(image.reason);
  c.seconds = image.seconds;
  c.full_seconds = image.full_seconds;
  return c;
}

nlohmann::ordered_json to_json(const MediaCost& m) {
  nlohmann::ordered_json json = {{"name", m.name},
                                 {"frames", m.frames},
                                 {"width", m.width},
                                 {"height", m.height},
                                 {"resized_width", m.resized_width},
                                 {"resized_height", m.resized_height},
                                 {"tokens", m.tokens},
                                 {"full_tokens", m.full_tokens},
                                 {"limit", nullptr},
                                 {"encode_seconds", nullptr},
                                 {"full_encode_seconds", nullptr}};
  if (m.limit != 0) json["limit"] = {{"tokens", m.limit}, {"reason", m.reason}};
  if (m.full_seconds > 0.0) {
    json["encode_seconds"] = m.seconds;
    json["full_encode_seconds"] = m.full_seconds;
  }
  return json;
}

std::string cost_line(const MediaCost& m) {
  return m.name + ": " + pixels(m) + ", resized to " + std::to_string(m.resized_width) + " x " +
         std::to_string(m.resized_height) + ": " + std::to_string(m.tokens) + " tokens\n";
}

std::vector<std::string> shrunk_lines(std::span<const MediaCost> media, const ContextFacts& facts) {
  std::vector<std::string> lines;
  for (const MediaCost& m : media) {
    if (m.limit == 0) continue;
    std::string line = m.name + ": " + pixels(m) + " would be " + std::to_string(m.full_tokens) +
                       " tokens; shrunk to " + std::to_string(m.tokens) + " tokens (" +
                       std::to_string(m.resized_width) + " x " + std::to_string(m.resized_height) + ")";
    // The context that holds the image at a larger size, and all else as planned.
    const std::size_t wanted = m.reason == "time" ? m.full_tokens : m.timed_tokens;
    const std::size_t prompt = facts.prompt_tokens - m.tokens + wanted;
    const std::size_t needed = prompt + (facts.max_tokens == 0 ? prompt / 3 : facts.max_tokens) + 1;
    const std::string larger = "--context " + std::to_string((needed + 1023) / 1024 * 1024);
    const bool possible = needed <= std::max(facts.trained, facts.context);
    if (m.reason == "time") {
      line += " to be encoded in " + about(m.seconds);
      if (possible) {
        line += "; --max-image-tokens " + std::to_string(m.keeping) + " takes " + about(m.full_seconds);
        if (!facts.chosen && needed > facts.context) line += " and needs " + larger;
      }
    } else {
      line += " to fit the context of " + std::to_string(facts.context) + " tokens";
      if (!possible) {
        line += "; the model is trained for " + std::to_string(facts.trained);
      } else if (facts.wanted > facts.context) {
        line += ", all that memory allows";
      } else {
        line += "; " + larger + " allows " + std::to_string(wanted) + " tokens";
      }
    }
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> context_lines(const ContextFacts& f) {
  std::vector<std::string> lines;
  if (f.context > f.trained) {
    lines.push_back("the context of " + std::to_string(f.context) + " tokens is larger than the " +
                    std::to_string(f.trained) + " that the model is trained for; beyond them answers get worse");
  }
  if (f.wanted > f.context) {
    lines.push_back("the context has " + std::to_string(f.context) + " tokens instead of " + std::to_string(f.wanted) +
                    ": memory allows no more");
  }
  return lines;
}

std::string context_advice(const ContextFacts& f, bool resets) {
  return std::string(resets ? "; /reset starts a new conversation" : "") +
         (f.context < f.trained ? "; --context allows up to " + std::to_string(f.trained)
                                : ", and the model is trained for no more");
}

std::string cut_line(const ContextFacts& f, std::size_t tokens, bool full, bool resets) {
  if (!full) {
    return "the answer was cut after " + std::to_string(tokens) +
           " tokens; --max-tokens 0 allows all that the context holds";
  }
  return "the answer was cut: the context of " + std::to_string(f.context) + " tokens is full" +
         context_advice(f, resets);
}

}  // namespace programs
