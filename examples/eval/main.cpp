// vlmt-eval: scores a model on a task set, and the effect of weight formats, image sizes and experts on the scores.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <vlmt/base/version.hpp>
#include <vlmt/io/gguf.hpp>

#include "../common/bundled_model.hpp"
#include "../common/image_notes.hpp"
#include "../common/interrupt.hpp"
#include "../common/output.hpp"
#include "../common/progress_line.hpp"
#include "../common/run_main.hpp"
#include "../common/threads.hpp"
#include "answer_log.hpp"
#include "arguments.hpp"
#include "experts.hpp"
#include "keys.hpp"
#include "prepared_model.hpp"
#include "report.hpp"
#include "report_files.hpp"
#include "swapped_media.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using eval::Configuration;
using programs::TaskItem;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The models of the command line with default settings.
std::vector<Configuration> models_of(const Arguments& a) {
  std::vector<Configuration> models;
  const auto add = [&](const programs::ModelFiles& files) {
    Configuration c;
    c.model = files.model;
    c.mmproj = files.mmproj;
    c.name = files.name;
    models.push_back(std::move(c));
  };
  for (std::size_t i = 0; i < a.models.size(); ++i) {
    const std::string mmproj = a.mmprojs.empty() ? "" : a.mmprojs[a.mmprojs.size() == 1 ? 0 : i];
    add(programs::choose_model(a.models[i], mmproj, "vlmt-eval", true));
  }
  if (!models.empty()) return models;
  add(programs::choose_model("", a.mmprojs.empty() ? "" : a.mmprojs[0], "vlmt-eval", true));
  const auto bundled = programs::bundled_models();
  for (std::size_t i = 1; a.compare && i < bundled.size(); ++i) add(bundled[i]);
  return models;
}

/// Experts per layer (0 for a dense model) and experts used per token.
std::pair<std::size_t, std::size_t> experts_of(const std::string& model) {
  const vlmt::GgufFile file = vlmt::GgufFile::open(model);
  const std::string arch = file.get_or<std::string>("general.architecture", "");
  return {file.get_or<std::uint32_t>(arch + ".expert_count", 0),
          file.get_or<std::uint32_t>(arch + ".expert_used_count", 0)};
}

/// The first `limit` items of each selected task.
std::vector<TaskItem> chosen_items(const programs::TaskSet& set, const Arguments& a) {
  std::map<std::string, std::size_t> counts;
  for (const TaskItem& item : set.items) counts[item.task];
  for (const std::string& task : a.tasks) {
    if (counts.contains(task)) continue;
    std::string known;
    for (const auto& [name, count] : counts) known += (known.empty() ? "" : ", ") + name;
    throw vlmt::InputError("the set has no such task",
                           {.file = set.file, .offset = {}, .field = "--tasks", .expected = known, .found = task});
  }
  std::vector<TaskItem> items;
  for (const TaskItem& item : set.items) {
    const bool wanted = a.tasks.empty() || std::find(a.tasks.begin(), a.tasks.end(), item.task) != a.tasks.end();
    if (wanted && (counts[item.task]++ < a.limit || a.limit == 0)) items.push_back(item);
  }
  return items;
}

/// Questions for measuring expert use: the last 20 of each task, so that a limit can keep them out of the evaluation.
std::vector<TaskItem> calibration_items(const programs::TaskSet& set) {
  constexpr std::size_t of_each_task = 20;
  std::map<std::string, std::size_t> counts;
  std::vector<TaskItem> items;
  for (auto item = set.items.rbegin(); item != set.items.rend(); ++item) {
    if (counts[item->task]++ < of_each_task) items.push_back(*item);
  }
  return items;
}

/// Runs configurations: asks the questions that the log does not answer yet and judges all answers.
class Evaluation {
 public:
  Evaluation(const Arguments& a, programs::TaskSet set)
      : arguments_(a), set_(std::move(set)), items_(chosen_items(set_, a)) {}

  const std::vector<TaskItem>& items() const noexcept { return items_; }
  std::size_t asked() const noexcept { return asked_; }

  eval::Result run(const eval::Planned& planned, const std::string& label) {
    const Configuration& c = planned.configuration;
    const std::vector<TaskItem> items = eval::with_swapped_media(items_, c.images);
    if (items.empty()) {
      throw vlmt::InputError("no question has a partner to swap images with", {.file = set_.file});
    }
    eval::AnswerLog memory;
    std::optional<eval::AnswerLog> stored;
    if (!arguments_.out.empty()) stored.emplace(log_file(c, label), key_of(c), label);
    eval::AnswerLog& log = stored ? *stored : memory;

    std::vector<std::string> keys;
    std::vector<TaskItem> missing;
    std::vector<std::string> missing_keys;
    for (const TaskItem& item : items) {
      keys.push_back(file_keys_.of(item));
      if (log.find(keys.back()) != nullptr) continue;
      missing.push_back(item);
      missing_keys.push_back(keys.back());
    }
    if (!missing.empty()) ask(c, label, missing, missing_keys, log);

    eval::Result result;
    result.configuration = c;
    result.label = label;
    result.baseline = planned.baseline;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const eval::Answer& answer = *log.find(keys[i]);
      result.judged.push_back({items[i], answer, eval::judge(items[i], answer.text)});
    }
    return result;
  }

 private:
  void ask(const Configuration& c, const std::string& label, const std::vector<TaskItem>& items,
           const std::vector<std::string>& keys, eval::AnswerLog& log) {
    const Clock::time_point start = Clock::now();
    const eval::PreparedModel files(c, kept_experts(c), arguments_.answering.threads, arguments_.answering.stop);
    programs::ProgressLine progress;
    std::mutex mutex;
    std::size_t done = 0;
    eval::answer_questions(c, files.model(), files.mmproj(), items, set_.file, arguments_.answering,
                           [&](std::size_t i, eval::Answer answer) {
                             log.put(keys[i], items[i].id, std::move(answer));
                             const std::lock_guard lock(mutex);
                             progress.show(label, ++done, items.size());
                           });
    progress.clear();
    asked_ += items.size();
    std::fprintf(stderr, "%s: %zu questions in %.1f s\n", label.c_str(), items.size(), seconds_since(start));
  }

  std::vector<std::vector<std::size_t>> kept_experts(const Configuration& c) {
    const auto [experts, used] = experts_of(c.model);
    if (c.experts == 0 || c.experts >= experts) return {};
    if (c.experts < used) {
      throw vlmt::InputError("the model uses more experts for each token than are kept",
                             {.file = c.model,
                              .offset = {},
                              .field = "--experts",
                              .expected = "at least " + std::to_string(used),
                              .found = std::to_string(c.experts)});
    }
    const auto known = use_.find(c.model);
    if (known != use_.end()) return eval::most_used(known->second, c.experts);
    const eval::ExpertUse use =
        eval::measure_expert_use(c.model, c.mmproj, calibration_items(set_), arguments_.answering);
    return eval::most_used(use_.emplace(c.model, use).first->second, c.experts);
  }

  /// The key of everything that answers depend on except the questions.
  std::string key_of(const Configuration& c) {
    eval::KeyMaker maker;
    maker.add(std::to_string(VLMT_VERSION_MAJOR) + "." + std::to_string(VLMT_VERSION_MINOR));
    maker.add(file_keys_.of(c.model)).add(file_keys_.of(c.mmproj));
    maker.add(c.weights).add(c.vision_weights).add(c.kv).add(c.kernels).add(c.images).add(c.deepstack);
    maker.add(eval::short_number(c.scale)).add(std::to_string(c.experts));
    maker.add(std::to_string(arguments_.answering.max_tokens)).add(std::to_string(arguments_.answering.context));
    for (const std::uint8_t level : arguments_.answering.images.background) maker.add(std::to_string(level));
    if (c.experts != 0) {
      for (const TaskItem& item : calibration_items(set_)) maker.add(file_keys_.of(item));
    }
    return maker.key();
  }

  std::string log_file(const Configuration& c, const std::string& label) {
    std::string name;
    for (const char letter : label.substr(0, 80)) {
      const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.' || letter == '_';
      name += plain ? letter : '-';
    }
    const std::filesystem::path folder = std::filesystem::path(arguments_.out) / "answers";
    std::error_code problem;
    std::filesystem::create_directories(folder, problem);
    if (problem) throw vlmt::FileError("cannot be created: " + problem.message(), {.file = folder.string()});
    return (folder / (name + "-" + key_of(c).substr(0, 12) + ".jsonl")).string();
  }

  const Arguments& arguments_;
  programs::TaskSet set_;
  std::vector<TaskItem> items_;
  eval::FileKeys file_keys_{&programs::interrupted};
  std::map<std::string, eval::ExpertUse> use_;
  std::size_t asked_ = 0;
};

int run(Arguments& a) {
  const Clock::time_point start = Clock::now();
  programs::handle_interrupts();
  a.answering.stop = &programs::interrupted;
  if (a.set.empty()) {
    const auto samples = programs::find_bundled_samples();
    if (!samples) throw vlmt::InputError("no samples are bundled with this build: name a task set");
    a.set = *samples;
  }
  a.matrix.models = models_of(a);
  const std::vector<eval::Planned> rows =
      eval::plan(a.matrix, [](const Configuration& c) { return experts_of(c.model).first != 0; });
  // A label names the differences from the baseline of the same model; the label of a baseline is the model name.
  std::vector<std::string> labels;
  for (const eval::Planned& row : rows) {
    const bool own = row.baseline && rows[*row.baseline].configuration.model == row.configuration.model;
    labels.push_back(eval::label(row.configuration, own ? rows[*row.baseline].configuration : row.configuration));
  }
  if (a.list) {
    for (const std::string& label : labels) programs::print("%s\n", label.c_str());
    return 0;
  }
  a.answering.threads = programs::thread_count(a.answering.threads, "vlmt-eval");
  a.answering.images.on_note = programs::note_printer("vlmt-eval");
  Evaluation evaluation(a, programs::read_task_set(a.set));

  eval::Report report;
  report.set_file = a.set;
  report.threads = a.answering.threads;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    eval::Result result = evaluation.run(rows[i], labels[i]);
    eval::summarise(result, result.baseline ? &report.results[*result.baseline] : nullptr);
    report.results.push_back(std::move(result));
  }
  report.new_answers = evaluation.asked();
  report.seconds = seconds_since(start);
  report.cpu_seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  if (!a.out.empty()) eval::write_reports(report, a.out);
  const std::string text = eval::printed(report, a.format);
  programs::write(text);
  std::fprintf(stderr, "%zu configurations, %zu questions: %zu answers in %.1f s on %zu threads, %.1f s of CPU time\n",
               rows.size(), evaluation.items().size(), report.new_answers, report.seconds, report.threads,
               report.cpu_seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  const auto evaluate = [&] {
    if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
    return run(arguments);
  };
  const auto describe = [&](const std::exception& e) {
    std::string message = programs::message_of(e);
    if (dynamic_cast<const vlmt::Cancelled*>(&e) != nullptr && !arguments.out.empty()) {
      message += "; " + arguments.out + " holds the answers so far, and the same command continues";
    }
    return message;
  };
  return programs::run_main("vlmt-eval", evaluate, describe);
}
