// See report.hpp.
#include "report.hpp"

#include <cstdio>

#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::ordered_json;

// Generated text is UTF-8; file names may hold any bytes.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json media_json(const std::vector<programs::MediaCost>& media) {
  Json list = Json::array();
  for (const programs::MediaCost& m : media) list.push_back(programs::to_json(m));
  return list;
}

template <class... Values>
std::string line(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

double mib(std::size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

double Report::prefill_rate() const {
  const std::size_t computed = prompt_tokens - cached_tokens;
  return prefill_seconds > 0.0 ? static_cast<double>(computed) / prefill_seconds : 0.0;
}

// The first token is part of the prefill.
double Report::decode_rate() const {
  return decode_seconds > 0.0 && tokens.size() > 1 ? static_cast<double>(tokens.size() - 1) / decode_seconds : 0.0;
}

std::string cost_lines(const std::vector<programs::MediaCost>& media) {
  std::string out;
  for (const programs::MediaCost& m : media) out += programs::cost_line(m);
  return out;
}

std::string plan_line(const programs::PlanBytes& p) {
  return line(
      "memory    plan %.1f MiB: weights %.1f, tokenizer %.1f, KV cache %.1f, workspace %.1f, vision %.1f, features "
      "%.1f, feature cache %.1f%s\n",
      mib(p.total), mib(p.weights), mib(p.tokenizer), mib(p.kv_cache), mib(p.workspace), mib(p.vision), mib(p.features),
      mib(p.feature_cache), p.mapped == 0 ? "" : line("; weights mapped from a file %.1f", mib(p.mapped)).c_str());
}

std::string stats_lines(const Report& r) {
  return line("load      %.2f s\n", r.load_seconds) +
         line("vision    %.2f s for %zu images, %zu tokens\n", r.vision_seconds, r.images, r.visual_tokens) +
         line("first     %.2f s to the first token\n", r.first_token_seconds) +
         line("prefill   %zu tokens in %.2f s, %.1f tokens/s; %zu more from the KV cache\n",
              r.prompt_tokens - r.cached_tokens, r.prefill_seconds, r.prefill_rate(), r.cached_tokens) +
         line("decode    %zu tokens in %.2f s, %.1f tokens/s; ended by %s\n", r.tokens.size(), r.decode_seconds,
              r.decode_rate(), r.finish.c_str()) +
         (r.seed ? "seed      " + std::to_string(*r.seed) + "\n" : "") + plan_line(r.plan) +
         line("          peak %.1f MiB\n", mib(r.peak_bytes));
}

std::string to_json(const Report& r) {
  Json stats = {{"prompt_tokens", r.prompt_tokens},
                {"cached_tokens", r.cached_tokens},
                {"visual_tokens", r.visual_tokens},
                {"generated_tokens", r.tokens.size()},
                {"load_seconds", r.load_seconds},
                {"vision_seconds", r.vision_seconds},
                {"first_token_seconds", r.first_token_seconds},
                {"prefill_seconds", r.prefill_seconds},
                {"prefill_tokens_per_second", r.prefill_rate()},
                {"decode_seconds", r.decode_seconds},
                {"decode_tokens_per_second", r.decode_rate()},
                {"peak_bytes", r.peak_bytes},
                {"plan_bytes", programs::to_json(r.plan)}};
  Json report = {
      {"text", r.text}, {"reasoning", r.reasoning}, {"tokens", r.tokens}, {"finish", r.finish}, {"seed", nullptr}};
  if (r.seed) report["seed"] = *r.seed;
  report["images"] = media_json(r.media);
  report["places"] = places_json(r.places);
  report["actions"] = actions_json(r.places);
  report["place_notes"] = r.places.notes;
  report["context"] = r.context;
  report["stats"] = std::move(stats);
  return dump(report);
}

std::string plan_lines(const std::vector<programs::MediaCost>& media, const programs::ContextFacts& context,
                       const programs::PlanBytes& plan) {
  return cost_lines(media) +
         line("context   %zu tokens, of which the prompt takes %zu\n", context.context, context.prompt_tokens) +
         plan_line(plan);
}

std::string plan_json(const std::vector<programs::MediaCost>& media, const programs::ContextFacts& context,
                      const programs::PlanBytes& plan) {
  return dump({{"images", media_json(media)},
               {"context", context.context},
               {"trained_context", context.trained},
               {"prompt_tokens", context.prompt_tokens},
               {"plan_bytes", programs::to_json(plan)}});
}

void tell(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::fprintf(stderr, "vlmt-chat: %s\n", line.c_str());
}

std::string error_json(std::string_view message) {
  return dump({{"error", std::string(message)}});
}
