// The command line of vlmt-eval.
#include "arguments.hpp"

#include "../common/command_line.hpp"
#include "../common/mixture.hpp"

namespace {

/// The number of experts to keep, "all" as 0.
std::string expert_count(std::string text) {
  if (text == "all") return "0";
  if (text.empty() || text.size() > 4 || text.find_first_not_of("0123456789") != std::string::npos || text[0] == '0') {
    throw CLI::ValidationError("'" + text + "' is no number of experts, nor all");
  }
  return text;
}

/// A list, its values separated by commas.
template <class Values>
CLI::Option* list(CLI::App& app, const std::string& name, Values& values, const std::string& about) {
  return app.add_option(name, values, about)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Settings (several values are compared, the first is the baseline)");
}

}  // namespace

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Runs a set of questions about pictures through a model and prints how many answers are right, task by task,\n"
      "with 95 % intervals; or compares settings of a model on the same questions.",
      "vlmt-eval");
  CLI::App& app = *command_line;
  app.footer(
      "A set is a JSONL file, or a folder with items.jsonl: one question a line, with id, task, content, answer and\n"
      "metric (exact, json_f1, iou, click, seconds), and target where the metric needs one. Without a set: the "
      "bundled\n"
      "samples. Without --model: the bundled models, the first one alone unless something is compared.");
  eval::Matrix& m = a.matrix;

  app.add_option("set", a.set, "The task set");
  app.add_option("-m,--model", a.models, "Model file, or the name of a bundled one; several are compared")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--mmproj", a.mmprojs, "Vision tower: one for all models, or one for each")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--tasks", a.tasks, "Only these tasks")->delimiter(',')->allow_extra_args(false);
  app.add_option("-n,--limit", a.limit, "Only the first items of each task")->check(CLI::PositiveNumber);

  std::vector<std::string> weights = programs::mixture_names();
  weights.emplace_back("file");
  list(app, "--weights", m.weights, "Format or mixture of the language model's weights; file: as they are")
      ->transform(CLI::IsMember(weights, CLI::ignore_case));
  list(app, "--vision-weights", m.vision_weights, "The same of the vision tower")
      ->transform(CLI::IsMember(weights, CLI::ignore_case));
  const std::vector<std::string> cache = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  list(app, "--kv", m.kv, "Format of the KV cache")->transform(CLI::IsMember(cache, CLI::ignore_case));
  list(app, "--scale", m.scales, "Sides of pictures, as a share of what the model would see")
      ->check(CLI::Range(0.01, 1.0));
  list(app, "--experts", m.experts, "Experts that are kept in each layer, those that are used most; or all")
      ->transform(expert_count);
  list(app, "--kernels", m.kernels, "fast, or exact: float32 activations")->check(CLI::IsMember({"fast", "exact"}));
  list(app, "--pictures", m.pictures, "true; blank: grey; swapped: those of another question of the task")
      ->check(CLI::IsMember({"true", "blank", "swapped"}));
  list(app, "--deepstack", m.deepstack, "on; zero: without the tower's inner features")
      ->check(CLI::IsMember({"on", "zero"}));
  app.add_flag("--cross", m.cross, "Compare all combinations, not one change at a time");
  app.add_flag("--compare", a.compare,
               "Compare formats of weights and cache, sizes of pictures, experts kept and all bundled models");

  const std::string running = "Running";
  eval::AnsweringOptions& o = a.answering;
  app.add_option("-t,--threads", o.threads, "Threads in all; 0 for all processors")->group(running);
  app.add_option("--parallel", o.parallel, "Questions at a time, which share the threads; 0: by the model's size")
      ->group(running);
  app.add_option("-c,--context", o.context, "Tokens of a question and its answer")
      ->group(running)
      ->check(CLI::Range(std::size_t{16}, std::size_t{1} << 24))
      ->capture_default_str();
  app.add_option("--max-tokens", o.max_tokens, "Most tokens of an answer")
      ->group(running)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("-o,--out", a.out,
                 "Folder for all answers, which a later run goes on from, and for report.md, .csv, .json and .html")
      ->group(running);
  app.add_option("--format", a.format, "What is printed")
      ->group(running)
      ->check(CLI::IsMember({"markdown", "csv", "json"}))
      ->capture_default_str();
  app.add_flag("--list", a.list, "Only list the configurations")->group(running);
  if (const auto code = programs::parse(app, argc, argv)) return code;

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
    std::fprintf(stderr, "vlmt-eval: --mmproj: one for all models or one for each, not %zu for %zu\n", a.mmprojs.size(),
                 a.models.size());
    return 2;
  }
  return std::nullopt;
}
