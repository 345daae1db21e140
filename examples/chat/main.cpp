// vlmt-chat: asks a vision-language model about images and text, once or in a chat.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include <vlmt/vlmt.hpp>

#include "../common/bundled_model.hpp"
#include "../common/memory_watch.hpp"
#include "../common/progress_line.hpp"
#include "../common/task_messages.hpp"
#include "../common/task_set.hpp"
#include "arguments.hpp"
#include "report.hpp"

namespace {

using Model = vlmt::ChatModel<vlmt::Qwen3VL>;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Set by Ctrl-C in a chat.
volatile std::sig_atomic_t interrupted = 0;

/// Thrown to cancel a prefill after Ctrl-C.
struct Interrupted : std::exception {};

std::optional<std::uint32_t> cache_format(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return vlmt::find_format<vlmt::formats::cache>(name);
}

vlmt::SessionOptions session_options(const Arguments& a, const Model& model) {
  vlmt::SessionOptions o;
  o.context = a.context;
  o.chunk = a.chunk;
  o.threads = a.threads;
  o.numerics = a.exact ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  o.key_format = cache_format(a.key_format);
  o.value_format = cache_format(a.value_format);
  o.min_pixels = a.min_pixels;
  o.max_pixels = a.max_pixels;
  if (const auto* encoder = model.vlm().vision_encoder()) {
    const std::size_t pixels = encoder->config().factor() * encoder->config().factor();
    if (a.min_image_tokens) o.min_pixels = *a.min_image_tokens * pixels;
    if (a.max_image_tokens) o.max_pixels = *a.max_image_tokens * pixels;
    // A single limit that contradicts the file's other limit moves that one, too.
    if (o.max_pixels && !o.min_pixels)
      o.min_pixels = std::min<std::uint64_t>(*o.max_pixels, encoder->config().min_pixels);
    if (o.min_pixels && !o.max_pixels)
      o.max_pixels = std::max<std::uint64_t>(*o.min_pixels, encoder->config().max_pixels);
  }
  o.images.max_pixels = a.max_image_pixels;
  o.system = a.system;
  return o;
}

vlmt::GenerateOptions generate_options(const Arguments& a) {
  vlmt::GenerateOptions o;
  o.sampling.params = {.temperature = a.greedy ? 0.0f : a.temperature,
                       .top_k = a.top_k,
                       .top_p = a.top_p,
                       .min_p = a.min_p,
                       .repetition = a.repetition,
                       .presence = a.presence,
                       .frequency = a.frequency};
  o.sampling.seed = a.seed;
  o.max_tokens = a.max_tokens;
  o.stop = a.stop;
  o.ignore_stop_tokens = a.ignore_eos;
  return o;
}

/// The files of a folder, sorted by name.
std::vector<std::string> frame_files(const std::string& folder) {
  std::error_code problem;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  if (problem) throw vlmt::FileError("cannot be read: " + problem.message(), {.file = folder});
  if (files.empty()) throw vlmt::FileError("no frames in the folder", {.file = folder});
  std::sort(files.begin(), files.end());
  return files;
}

vlmt::Video video_of(const std::string& folder, double fps) {
  std::vector<vlmt::ImageSource> frames;
  for (const std::string& file : frame_files(folder)) frames.push_back(vlmt::image(std::filesystem::path(file)));
  return vlmt::video(std::move(frames), fps);
}

/// Computes what images will cost, from their headers alone.
class CostReader {
 public:
  CostReader(const Model& model, const vlmt::SessionOptions& options)
      : team_(1), vision_(model.vlm(), team_, options.vision()), options_(options) {
    has_vision_ = model.vlm().vision_encoder() != nullptr;
  }

  MediaCost image(const std::string& file) const {
    const vlmt::ImageInfo info = header(file);
    return cost(file, 1, info, vlmt::image_grid(info.height, info.width, vision_.preprocess()));
  }
  MediaCost video(const std::string& folder) const {
    const std::vector<std::string> files = frame_files(folder);
    const vlmt::ImageInfo info = header(files[0]);
    const int n = static_cast<int>(files.size());
    return cost(folder, n, info, vlmt::video_grid(n, info.height, info.width, vision_.preprocess()));
  }
  /// Pixels after resizing, those of all slices of a video together.
  std::size_t pixels(const MediaCost& m) const {
    const auto factor = static_cast<std::size_t>(vision_.preprocess().layout.factor());
    return m.tokens * factor * factor;
  }

 private:
  vlmt::ImageInfo header(const std::string& file) const {
    if (!has_vision_) throw vlmt::InputError("the model was loaded without --mmproj, which images need");
    const auto mapped = vlmt::MappedFile::open(file);
    const vlmt::ImageInfo info = vlmt::probe_image(mapped->bytes(), file);
    vlmt::detail::check_pixels(file, static_cast<std::uint64_t>(info.width), static_cast<std::uint64_t>(info.height),
                               options_.images);
    return info;
  }
  MediaCost cost(const std::string& name, int frames, const vlmt::ImageInfo& info, const vlmt::PatchGrid& grid) const {
    const vlmt::PatchLayout& layout = vision_.preprocess().layout;
    return {
        name, frames, info.width, info.height, grid.w * layout.patch, grid.h * layout.patch, grid.tokens(layout.merge)};
  }

  vlmt::OmpTeam team_;
  vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision_;
  vlmt::SessionOptions options_;
  bool has_vision_ = false;
};

PlanBytes bytes_of(const vlmt::MemoryPlan& p) {
  return {p.weights, p.tokenizer, p.kv_cache, p.workspace, p.vision, p.features, p.total(), p.mapped};
}

/// The model, its session and the numbers that are the same for every answer.
class Chat {
 public:
  Chat(const Arguments& a, programs::MemoryWatch& memory, Model model, const vlmt::SessionOptions& options,
       const vlmt::MemoryPlan& plan, double load_seconds)
      : arguments_(a),
        memory_(memory),
        model_(std::move(model)),
        costs_(model_, options),
        session_(model_, options),
        plan_(bytes_of(plan)),
        load_seconds_(load_seconds) {}

  /// Answers a message. Streams the text to standard output unless --json is given.
  Report ask(const std::string& text, const std::vector<std::string>& images, const std::vector<std::string>& videos) {
    std::vector<vlmt::Part> parts;
    Report report;
    for (const std::string& file : images) {
      parts.emplace_back(vlmt::image(std::filesystem::path(file)));
      report.media.push_back(costs_.image(file));
    }
    for (const std::string& folder : videos) {
      parts.emplace_back(video_of(folder, arguments_.fps));
      report.media.push_back(costs_.video(folder));
    }
    parts.emplace_back(text);
    programs::ProgressLine progress;
    vlmt::GenerateOptions options = generate_options(arguments_);
    options.progress = [&](const vlmt::Progress& p) {
      const bool vision = p.stage == vlmt::Progress::Stage::vision;
      progress.show(vision ? "encoding images" : "prefill", p.done, p.total);
      if (interrupted != 0) throw Interrupted();
    };
    const auto on_text = [&](std::string_view piece) {
      progress.clear();
      if (!arguments_.json) {
        std::fwrite(piece.data(), 1, piece.size(), stdout);
        std::fflush(stdout);
      }
      return interrupted == 0;
    };
    vlmt::Reply reply;
    try {
      reply = session_.ask(std::move(parts), on_text, options);
    } catch (...) {
      progress.clear();
      throw;
    }
    progress.clear();
    report.text = std::move(reply.text);
    report.tokens = std::move(reply.tokens);
    report.finish = name(reply.finish);
    report.prompt_tokens = reply.stats.prompt_tokens;
    report.cached_tokens = reply.stats.cached_tokens;
    report.visual_tokens = reply.stats.visual_tokens;
    report.images = reply.stats.images;
    report.load_seconds = load_seconds_;
    report.vision_seconds = reply.stats.vision_seconds;
    report.first_token_seconds = reply.stats.first_token_seconds;
    report.prefill_seconds = reply.stats.prefill_seconds;
    report.decode_seconds = reply.stats.decode_seconds;
    report.peak_bytes = memory_.peak();
    report.plan = plan_;
    return report;
  }

  /// Answers a question outside of the conversation, greedily, and streams the text to standard output.
  void answer(const programs::TaskItem& item) {
    std::vector<vlmt::ChatMessage> messages = programs::messages_of(item);
    vlmt::GenerateOptions options = generate_options(arguments_);
    options.sampling = vlmt::SamplingOptions::greedy();
    session_.respond(
        messages, {},
        [](std::string_view piece) {
          std::fwrite(piece.data(), 1, piece.size(), stdout);
          std::fflush(stdout);
        },
        options);
  }

  const CostReader& costs() const { return costs_; }
  void reset() { session_.reset(); }

 private:
  const Arguments& arguments_;
  programs::MemoryWatch& memory_;
  Model model_;
  CostReader costs_;
  vlmt::Session<vlmt::Qwen3VL> session_;
  PlanBytes plan_;
  double load_seconds_;
};

/// A line from standard input; nothing at end of file. An empty line after Ctrl-C.
std::optional<std::string> read_line() {
  std::string line;
  char c = 0;
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) {
      std::printf("\n");
      return std::string();
    }
    if (n <= 0) return line.empty() ? std::nullopt : std::optional(line);
    if (c == '\n') return line;
    line += c;
  }
}

std::string trimmed(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

constexpr const char* help_text =
    "/image PATH   attach an image to the next message\n"
    "/frames PATH  attach a video (a folder of frames) to the next message\n"
    "/stats        show times, speeds and memory of the last answer\n"
    "/reset        clear the conversation\n"
    "/quit         exit (or end of input)\n"
    "Ctrl-C        cancel the answer\n";

/// The first question about each bundled image.
std::vector<programs::TaskItem> sample_questions() {
  const auto folder = programs::find_bundled_samples();
  if (!folder) throw vlmt::InputError("no sample images are bundled with this build");
  std::vector<programs::TaskItem> questions;
  for (programs::TaskItem& item : programs::read_task_set(*folder).items) {
    if (item.files().empty()) continue;
    if (questions.empty() || item.files() != questions.back().files()) questions.push_back(std::move(item));
  }
  if (questions.empty()) throw vlmt::InputError("the sample set has no question about an image", {.file = *folder});
  return questions;
}

int converse(const Arguments& a, Chat& chat) {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);  // without SA_RESTART, so that it also interrupts read()
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) {
    std::printf("/help lists the commands.\n");
    if (programs::find_bundled_samples()) {
      const programs::TaskItem sample = sample_questions().front();
      std::printf("Try: /image %s\n     %s\n", sample.files().front().c_str(), sample.question().c_str());
    }
  }
  std::vector<std::string> images = a.images, videos = a.frames;
  std::optional<Report> last;
  std::optional<std::string> line;
  if (a.has_prompt) line = a.prompt;
  while (true) {
    if (!line) {
      if (terminal) std::printf("> ");
      std::fflush(stdout);
      line = read_line();
      if (!line) return 0;
    }
    const std::string text = trimmed(*line);
    line.reset();
    interrupted = 0;
    const std::size_t space = text.find(' ');
    const std::string command = text.substr(0, space);
    const std::string argument = space == std::string::npos ? "" : trimmed(text.substr(space));
    try {
      if (text.empty()) continue;
      if (command == "/quit") return 0;
      if (command == "/help") {
        std::printf("%s", help_text);
      } else if (command == "/reset") {
        chat.reset();
        images.clear();
        videos.clear();
      } else if (command == "/stats") {
        std::printf("%s", last ? stats_lines(*last).c_str() : "no answer yet\n");
      } else if (command == "/image" || command == "/frames") {
        const bool image = command == "/image";
        std::printf("%s", cost_lines({image ? chat.costs().image(argument) : chat.costs().video(argument)}).c_str());
        (image ? images : videos).push_back(argument);
      } else if (command[0] == '/') {
        std::fprintf(stderr, "vlmt-chat: unknown command %s; /help lists the commands\n", command.c_str());
      } else {
        last = chat.ask(text, std::exchange(images, {}), std::exchange(videos, {}));
        std::printf("%s\n", last->finish == "cancelled" ? " ..." : "");
        if (a.stats) std::fprintf(stderr, "%s", stats_lines(*last).c_str());
      }
    } catch (const Interrupted&) {
      std::printf("\n");
    } catch (const vlmt::Error& e) {
      std::fprintf(stderr, "vlmt-chat: %s\n", e.what());
    }
  }
}

int show_samples(Chat& chat, const std::vector<programs::TaskItem>& questions) {
  for (const programs::TaskItem& item : questions) {
    const std::vector<std::string> files = item.files();
    std::printf("\n%s", files.front().c_str());
    if (files.size() > 1) std::printf(" to %s", std::filesystem::path(files.back()).filename().c_str());
    std::printf("\n> %s\n", item.question().c_str());
    chat.answer(item);
    std::printf("\n");
  }
  return 0;
}

int run(Arguments& a) {
  const programs::ModelFiles files = programs::choose_model(a.model, a.mmproj, "vlmt-chat");
  a.model = files.model;
  a.mmproj = files.mmproj;
  std::vector<programs::TaskItem> samples;
  if (a.samples) samples = sample_questions();
  const bool asks_terminal = !a.has_prompt && isatty(STDIN_FILENO) != 0;
  if (asks_terminal && !a.json && !a.dry_run && !a.samples) a.interactive = true;
  if (!a.has_prompt && !a.interactive && !a.dry_run && !a.samples) {
    a.prompt = trimmed(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    a.has_prompt = true;
    if (a.prompt.empty() && a.images.empty() && a.frames.empty()) throw vlmt::InputError("the prompt is empty");
  }

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
    for (const std::string& file : a.images) media.push_back(costs.image(file));
    for (const std::string& folder : a.frames) media.push_back(costs.video(folder));
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
  if (a.interactive) return converse(a, chat);
  const Report report = chat.ask(a.prompt, a.images, a.frames);
  std::printf("%s", a.json ? to_json(report).c_str() : "\n");
  if (a.stats) std::fprintf(stderr, "%s", stats_lines(report).c_str());
  return 0;
}

/// The program's option for a field that the library's message names.
std::string option_hint(const vlmt::Error& error) {
  const std::string& field = error.site().field;
  if (field == "max_pixels" && !error.site().file.empty()) return "; the option is --max-image-pixels";
  if (field == "context") return "; the option is --context";
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
