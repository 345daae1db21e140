// The command line of vlmt-eval.
#include "arguments.hpp"

#include "../common/command_line.hpp"
#include "../common/image_options.hpp"
#include "../common/mixture.hpp"

namespace {

/// Validates a number of experts; "all" becomes 0.
std::string expert_count(std::string text) {
  if (text == "all") return "0";
  if (text.empty() || text.size() > 4 || text.find_first_not_of("0123456789") != std::string::npos || text[0] == '0') {
    throw CLI::ValidationError("'" + text + "': expected a number of experts or all");
  }
  return text;
}

/// A setting with comma-separated values.
template <class Values>
CLI::Option* list(CLI::App& app, const std::string& name, Values& values, const std::string& about) {
  return app.add_option(name, values, about)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Settings (comma-separated values are compared; the first is the baseline)");
}

}  // namespace

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Evaluates a model on a set of questions about images and prints the score of each task with its 95 %\n"
      "confidence interval; or compares models and settings on the same questions.",
      "vlmt-eval");
  CLI::App& app = *command_line;
  app.footer(
      "A set is a JSONL file, or a folder with items.jsonl: one question per line with id, task, content, answer,\n"
      "metric (exact, json_f1, iou, click, seconds), and target if the metric needs one. Default set: the bundled\n"
      "samples. Default model: the first bundled model; with --compare all bundled models.");
  eval::Matrix& m = a.matrix;

  app.add_option("set", a.set, "Task set: JSONL file or folder");
  app.add_option("-m,--model", a.models, "Model files (.gguf) or names of bundled models")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--mmproj", a.mmprojs, "Vision encoder files (mmproj .gguf): one for all models, or one per model")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--tasks", a.tasks, "Tasks to run; default: all")->delimiter(',')->allow_extra_args(false);
  programs::add_count(app, "-n,--limit", a.limit, {1}, "Maximum items per task");

  std::vector<std::string> weights = programs::mixture_names();
  weights.emplace_back("file");
  list(app, "--weights", m.weights, "Weight format of the language model; file: as stored")
      ->transform(CLI::IsMember(weights, CLI::ignore_case));
  list(app, "--vision-weights", m.vision_weights, "Weight format of the vision encoder; file: as stored")
      ->transform(CLI::IsMember(weights, CLI::ignore_case));
  const std::vector<std::string> cache = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  list(app, "--kv", m.kv, "KV cache data type")->transform(CLI::IsMember(cache, CLI::ignore_case));
  list(app, "--scale", m.scales, "Image scale: factor on both sides of the size that the model would encode")
      ->transform(programs::real_number({0.01, 1.0}));
  list(app, "--experts", m.experts, "Experts to keep in each layer (the most used ones), or all")
      ->transform(expert_count);
  list(app, "--kernels", m.kernels, "fast, or exact (float32 activations)")->check(CLI::IsMember({"fast", "exact"}));
  list(app, "--images", m.images, "true; blank: grey images; swapped: images of another question of the task")
      ->check(CLI::IsMember({"true", "blank", "swapped"}));
  list(app, "--deepstack", m.deepstack, "on; zero: set the DeepStack features to zero")
      ->check(CLI::IsMember({"on", "zero"}));
  app.add_flag("--cross", m.cross, "Compare all combinations of the settings instead of one change at a time");
  app.add_flag("--compare", a.compare,
               "Compare weight and KV cache formats, image scales, numbers of experts and all bundled models");

  const std::string running = "Running";
  eval::AnsweringOptions& o = a.answering;
  programs::add_count(app, "-t,--threads", o.threads, programs::thread_bounds, "Number of threads; 0: all processors")
      ->group(running);
  programs::add_count(app, "--parallel", o.parallel, {0, 1024},
                      "Questions to run in parallel, sharing the threads; 0: depends on the model size")
      ->group(running);
  programs::add_count(app, "-c,--context", o.context, {16, std::uint64_t{1} << 24},
                      "Context size: tokens of a question with its answer")
      ->group(running)
      ->capture_default_str();
  programs::add_count(app, "--max-tokens", o.max_tokens, {1, std::uint64_t{1} << 24},
                      "Maximum tokens to generate per answer")
      ->group(running)
      ->capture_default_str();
  programs::add_image_options(app, o.images, running);
  app.add_option("-o,--out", a.out,
                 "Folder for the answers and report.md, .csv, .json, .html; a later run reuses its answers")
      ->group(running);
  app.add_option("--format", a.format, "Output format")
      ->group(running)
      ->check(CLI::IsMember({"markdown", "csv", "json"}))
      ->capture_default_str();
  app.add_flag("--list", a.list, "List the configurations and exit")->group(running);
  if (const auto code = programs::parse(app, argc, argv, {{"--pictures", "--images"}})) return code;

  if (a.compare) {
    const auto usual = [&](const char* option, auto& values, auto list) {
      if (app.count(option) == 0) values = list;
    };
    using Strings = std::vector<std::string>;
    usual("--weights", m.weights, Strings{"file", "F16", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"});
    usual("--vision-weights", m.vision_weights, Strings{"file", "F16", "Q4_0"});
    usual("--kv", m.kv, Strings{"F16", "Q8_0", "Q4_0"});
    usual("--scale", m.scales, std::vector<double>{1.0, 0.5, 0.25});
    usual("--experts", m.experts, std::vector<std::size_t>{0, 6, 4});
  }
  if (a.mmprojs.size() > 1 && a.mmprojs.size() != a.models.size()) {
    std::fprintf(stderr, "vlmt-eval: --mmproj: expected one file or one per model, found %zu for %zu models\n",
                 a.mmprojs.size(), a.models.size());
    return 2;
  }
  return std::nullopt;
}
