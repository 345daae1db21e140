// Task sets: questions about images and videos with their correct answers, one JSON object per line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace programs {

/// How an answer is scored; see eval/metrics.hpp.
enum class Metric : std::uint8_t { exact, json_f1, iou, click, seconds };

inline constexpr std::array<std::string_view, 5> metric_names = {"exact", "json_f1", "iou", "click", "seconds"};

constexpr std::string_view name(Metric m) noexcept {
  return metric_names[static_cast<std::size_t>(m)];
}

/// A part of a question: text, an image, or a video as files of its frames.
struct TaskPart {
  enum class Kind : std::uint8_t { text, image, video };
  Kind kind = Kind::text;
  std::string text;                ///< for Kind::text
  std::vector<std::string> files;  ///< one image, or the frames of a video in order
  double fps = 1.0;                ///< frames per second, for Kind::video
};

struct TaskItem {
  std::string id;
  std::string task;
  std::string language;
  std::string system;  ///< system message; none if empty
  std::vector<TaskPart> content;
  std::string answer;
  Metric metric = Metric::exact;
  std::vector<double> target;  ///< iou, click: x1, y1, x2, y2 in 0..1000; seconds: one time; else empty
  std::size_t line = 0;        ///< in the file, from 1

  /// The text of the question.
  std::string question() const {
    std::string all;
    for (const TaskPart& part : content) {
      if (part.kind == TaskPart::Kind::text) all += (all.empty() ? "" : "\n") + part.text;
    }
    return all;
  }

  /// All images and frames in order.
  std::vector<std::string> files() const {
    std::vector<std::string> all;
    for (const TaskPart& part : content) all.insert(all.end(), part.files.begin(), part.files.end());
    return all;
  }
};

struct TaskSet {
  std::string file;
  std::vector<TaskItem> items;

  /// "file:line" of an item, for messages.
  std::string place(const TaskItem& item) const { return file + ":" + std::to_string(item.line); }
};

/// Limits that read_task_set() enforces.
struct TaskSetLimits {
  std::uintmax_t file_bytes = std::uintmax_t{256} << 20;
  std::size_t line_bytes = std::size_t{1} << 20;
  std::size_t items = 1'000'000;
  std::size_t name_bytes = 256;       ///< of ids, tasks and languages
  std::size_t answer_bytes = 16'384;  ///< of an answer
  std::size_t parts = 64;             ///< of a question
  std::size_t frames = 4096;          ///< of a video
};

/// Reads a task set: a JSONL file, or a folder with items.jsonl. Media paths are relative to its folder and must exist.
/// Throws vlmt::FileError naming the line, or vlmt::LimitError if the file is too large.
TaskSet read_task_set(const std::string& path, const TaskSetLimits& limits = {});

}  // namespace programs
