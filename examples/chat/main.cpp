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
#include "../common/interrupt.hpp"
#include "../common/media_source.hpp"
#include "../common/memory_watch.hpp"
#include "../common/output.hpp"
#include "../common/output_path.hpp"
#include "../common/progress_line.hpp"
#include "../common/run_main.hpp"
#include "../common/threads.hpp"
#include "arguments.hpp"
#include "chat.hpp"
#include "conversation.hpp"
#include "line_input.hpp"
#include "message.hpp"
#include "model.hpp"
#include "prompt_input.hpp"
#include "report.hpp"
#include "request.hpp"
#include "samples.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

using Sources = std::vector<programs::MediaSource>;

/// Plans the first message of the command line, or a session that starts without one.
Request first_request(const Arguments& a, const Sources& images, const Sources& videos, const Model& model,
                      const vlmt::SessionOptions& options, const RequestPlanner& planner) {
  if (!a.has_prompt && images.empty() && videos.empty()) return planner.plan(model, options);
  std::vector<vlmt::ChatMessage> history;
  if (!options.system.empty()) history.push_back(vlmt::ChatMessage::of(vlmt::Role::system, options.system));
  vlmt::ChatMessage message = user_message(a.prompt, images, videos, a.fps, options.images);
  return planner.plan(model, options, std::move(history), message, names_of(images, videos));
}

/// Prints what the request would take. Returns 1 if it would be refused.
int dry_run(const Arguments& a, const Request& request, const vlmt::MemoryLimit& limit) {
  const programs::PlanBytes bytes = programs::plan_bytes(request.plan.memory);
  programs::write(a.json ? plan_json(request.media, request.facts, bytes)
                         : plan_lines(request.media, request.facts, bytes));
  tell(programs::context_lines(request.facts));
  tell(programs::shrunk_lines(request.media, request.facts));
  try {
    check_fits(request.plan.memory, limit);
  } catch (const vlmt::LimitError& e) {
    tell({e.what()});
    return 1;
  }
  return 0;
}

/// Throws vlmt::Error if the file of --draw cannot be written, is one that is read, or there is nothing to draw on.
void check_drawing(const Arguments& a, const Sources& images, const Sources& videos) {
  if (!a.interactive && images.empty()) throw vlmt::InputError("--draw needs an image; the option is --image");
  std::vector<std::string> inputs = {a.model, a.mmproj};
  const std::vector<std::string> media = files_of(images, videos);
  inputs.insert(inputs.end(), media.begin(), media.end());
  programs::check_output(a.draw, inputs);
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
  } else if (!a.samples) {
    read_prompt(a);
  }
  Sources images, videos;
  for (const std::string& image : a.images) images.push_back(programs::image_source(image));
  for (const std::string& folder : a.frames) videos.push_back({programs::frames_folder(folder), nullptr});

  if (!a.draw.empty()) check_drawing(a, images, videos);
  std::optional<vlmt::Grammar> grammar = programs::read_grammar(a.grammar);

  programs::handle_interrupts();
  const Clock::time_point start = Clock::now();
  programs::MemoryWatch memory;
  const auto numerics = a.exact ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  Model model = Model::open(a.model, a.mmproj, vlmt::weights_for(numerics),
                            {a.packed_cache, a.verify_packed_cache, &programs::interrupted});
  if (model.vlm().vision_encoder() == nullptr && !(images.empty() && videos.empty())) {
    throw vlmt::InputError("images need a vision encoder (mmproj) file; the option is --mmproj");
  }
  for (const std::string& warning : model.warnings()) std::fprintf(stderr, "vlmt-chat: %s\n", warning.c_str());
  a.threads = programs::thread_count(a.threads, "vlmt-chat");
  vlmt::SessionOptions options = session_options(a, model);
  vlmt::check(generate_options(a).sampling);
  vlmt::OmpTeam team(a.threads);

  // A single question has no earlier images.
  if (!a.interactive && !a.samples) options.feature_cache_bytes = 0;
  const vlmt::MemoryLimit limit = a.memory_limit
                                      ? vlmt::MemoryLimit{static_cast<std::size_t>(*a.memory_limit), "--memory-limit"}
                                      : vlmt::memory_limit();
  const RequestPlanner planner(a, model, limit.bytes, team.size());
  const Request first = first_request(a, images, videos, model, options, planner);
  options.context = first.plan.context;
  if (a.dry_run) return dry_run(a, first, limit);
  if (a.stats) std::fprintf(stderr, "%s", cost_lines(first.media).c_str());
  check_fits(first.plan.memory, limit);
  if (a.memory_limit) model.set_budget({limit.bytes, 0});
  tell(programs::context_lines(first.facts));

  programs::ProgressLine progress;
  model.load(
      team, [&](std::size_t done, std::size_t total) { progress.show("loading", done, total); },
      &programs::interrupted);
  progress.clear();
  if (const std::string& warning = model.vlm().packed_cache().warning(); !warning.empty()) {
    std::fprintf(stderr, "vlmt-chat: %s\n", warning.c_str());
  }
  Chat chat(a, memory, std::move(model), options, planner, first.plan.memory, seconds_since(start), std::move(grammar));
  if (a.samples) return show_samples(chat, samples);
  if (a.interactive) return Conversation(a, chat, *input, std::move(images), std::move(videos)).run();
  const Report report = chat.ask(a.prompt, images, videos);
  programs::write(a.json ? to_json(report) : "\n");
  programs::flush();
  tell(report.notes);
  int code = report.finish == "cancelled" ? programs::interrupted_code : 0;
  try {
    chat.draw(report);
  } catch (const vlmt::Error& e) {  // here, as the answer is written: --json prints one object
    tell({e.what()});
    code = 1;
  }
  if (a.stats) std::fprintf(stderr, "%s", stats_lines(report).c_str());
  return code;
}

/// The program's option for a field that the library's message names.
std::string option_hint(const vlmt::Error& error) {
  const std::string& field = error.site().field;
  if (field == "max_pixels" && !error.site().file.empty()) return "; the option is --max-image-pixels";
  if (field == "strict") return "; without --strict-images it is read";
  if (field == "context") return "; the option is --context";
  if (field == "image_seconds") return "; --max-image-tokens encodes it anyway";
  if (field == "general.architecture" && error.site().found == "clip") return "; the option for it is --mmproj";
  if (field == "memory") return "; the options are --context, --kv and --memory-limit";
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  const auto answer = [&] {
    if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
    return run(arguments);
  };
  const auto describe = [&](const std::exception& e) {
    std::string message = programs::message_of(e);
    if (const auto* known = dynamic_cast<const vlmt::Error*>(&e)) message += option_hint(*known);
    if (arguments.json) std::printf("%s", error_json(message).c_str());  // unchecked, as the message must not be lost
    return message;
  };
  return programs::run_main("vlmt-chat", answer, describe);
}
