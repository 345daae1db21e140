// vlmt-chat: asks a vision-language model about images and text, once or in a chat.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <vlmt/vlmt.hpp>

#include "../common/bundled_model.hpp"
#include "../common/media_source.hpp"
#include "../common/memory_watch.hpp"
#include "../common/progress_line.hpp"
#include "arguments.hpp"
#include "chat.hpp"
#include "conversation.hpp"
#include "line_input.hpp"
#include "media_cost.hpp"
#include "model.hpp"
#include "prompt_input.hpp"
#include "report.hpp"
#include "samples.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int run(Arguments& a) {
  std::vector<programs::TaskItem> samples;
  if (a.samples) samples = sample_questions();
  const bool asks_terminal = !a.has_prompt && isatty(STDIN_FILENO) != 0;
  if (asks_terminal && !a.json && !a.dry_run && !a.samples) a.interactive = true;
  const bool wants_vision = !a.no_mmproj && (a.interactive || a.samples || !a.images.empty() || !a.frames.empty());
  const programs::ModelFiles files = programs::choose_model(a.model, a.mmproj, "vlmt-chat", wants_vision);
  a.model = files.model;
  a.mmproj = a.no_mmproj ? "" : files.mmproj;
  std::optional<LineInput> input;
  if (a.interactive) {
    input.emplace(a.history);
    if (std::find(a.images.begin(), a.images.end(), "-") != a.images.end()) {
      throw vlmt::InputError("--image - reads standard input, which a chat needs");
    }
  } else if (!a.dry_run && !a.samples) {
    read_prompt(a);
  }
  std::vector<programs::MediaSource> images, videos;
  for (const std::string& image : a.images) images.push_back(programs::image_source(image));
  for (const std::string& folder : a.frames) videos.push_back({programs::frames_folder(folder), nullptr});

  const Clock::time_point start = Clock::now();
  programs::MemoryWatch memory;
  const auto numerics = a.exact ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  Model model = Model::open(a.model, a.mmproj, vlmt::weights_for(numerics), {a.packed_cache, a.verify_packed_cache});
  for (const std::string& warning : model.warnings()) std::fprintf(stderr, "vlmt-chat: %s\n", warning.c_str());
  const vlmt::SessionOptions options = session_options(a, model);
  vlmt::check(generate_options(a).sampling);
  vlmt::OmpTeam team = a.threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(a.threads);

  std::vector<MediaCost> media;
  std::size_t largest = 0, all = 0;
  {
    const CostReader costs(model, options);
    for (const programs::MediaSource& image : images) media.push_back(costs.image(image));
    for (const programs::MediaSource& folder : videos) media.push_back(costs.video(folder.name));
    for (const MediaCost& m : media) {
      largest = std::max(largest, costs.pixels(m));
      all += m.tokens;
    }
  }
  vlmt::MemoryPlan plan = vlmt::plan_memory(model, options, largest, team.size());
  if (largest != 0) {
    const vlmt::VisionConfig& c = model.vlm().vision_encoder()->config();
    plan.features = all * c.out_hidden * (1 + c.deepstack.size()) * sizeof(float);
  }
  if (a.dry_run) {
    const PlanBytes bytes = bytes_of(plan);
    std::printf("%s", a.json ? plan_json(media, bytes).c_str() : (cost_lines(media) + plan_line(bytes)).c_str());
    return 0;
  }
  if (a.stats) std::fprintf(stderr, "%s", cost_lines(media).c_str());
  check_fits(plan, a.memory_limit ? static_cast<std::size_t>(*a.memory_limit) : vlmt::available_memory());

  programs::ProgressLine progress;
  model.load(team, [&](std::size_t done, std::size_t total) { progress.show("loading", done, total); });
  progress.clear();
  if (const std::string& warning = model.vlm().packed_cache().warning(); !warning.empty()) {
    std::fprintf(stderr, "vlmt-chat: %s\n", warning.c_str());
  }
  Chat chat(a, memory, std::move(model), options, plan, seconds_since(start));
  if (a.samples) return show_samples(chat, samples);
  if (a.interactive) return Conversation(a, chat, *input, std::move(images), std::move(videos)).run();
  const Report report = chat.ask(a.prompt, images, videos);
  std::printf("%s", a.json ? to_json(report).c_str() : "\n");
  std::fflush(stdout);
  if (!report.cut.empty()) std::fprintf(stderr, "vlmt-chat: %s\n", report.cut.c_str());
  if (a.stats) std::fprintf(stderr, "%s", stats_lines(report).c_str());
  return 0;
}

/// The program's option for a field that the library's message names.
std::string option_hint(const vlmt::Error& error) {
  const std::string& field = error.site().field;
  if (field == "max_pixels" && !error.site().file.empty()) return "; the option is --max-image-pixels";
  if (field == "context") return "; the option is --context";
  if (field == "general.architecture" && error.site().found == "clip") return "; the option for it is --mmproj";
  if (field == "memory") return "; the options are --context, --kv and --memory-limit";
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
  const auto fail = [&](const std::string& message) {
    if (arguments.json) std::printf("%s", error_json(message).c_str());
    std::fprintf(stderr, "vlmt-chat: %s\n", message.c_str());
    return 1;
  };
  try {
    return run(arguments);
  } catch (const vlmt::Error& e) {
    return fail(e.what() + option_hint(e));
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& e) {
    return fail(e.what());
  }
}
