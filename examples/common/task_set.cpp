// See task_set.hpp.
#include "task_set.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include <vlmt/base/error.hpp>

namespace programs {
namespace {

/// Reads one line of a task set. Errors name file, line and field.
class TaskLine {
 public:
  TaskLine(const std::filesystem::path& folder, std::string place, const TaskSetLimits& limits)
      : folder_(folder), place_(std::move(place)), limits_(limits) {}

  TaskItem read(const std::string& line) const {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) fail({}, "is not JSON in UTF-8");
    if (!json.is_object()) fail({}, "is not a JSON object", "an object", json.type_name());
    TaskItem item;
    item.id = text(json, "id", limits_.name_bytes);
    item.task = text(json, "task", limits_.name_bytes);
    if (json.contains("lang")) item.language = text(json, "lang", limits_.name_bytes);
    if (json.contains("system")) item.system = text(json, "system", limits_.line_bytes);
    read_content(member(json, "content"), item);
    item.answer = text(json, "answer", limits_.answer_bytes);
    item.metric = metric(text(json, "metric", limits_.name_bytes));
    read_target(json, item);
    return item;
  }

  [[noreturn]] void fail(const std::string& field, const std::string& message, std::string expected = {},
                         std::string found = {}) const {
    throw vlmt::FileError(
        message,
        {.file = place_, .offset = {}, .field = field, .expected = std::move(expected), .found = std::move(found)});
  }

 private:
  using Json = nlohmann::json;

  const Json& member(const Json& object, const char* key, const std::string& prefix = {}) const {
    const auto found = object.find(key);
    if (found == object.end()) fail(prefix + key, "is missing");
    return *found;
  }

  std::string text(const Json& object, const char* key, std::size_t most, const std::string& prefix = {}) const {
    const Json& value = member(object, key, prefix);
    if (!value.is_string()) fail(prefix + key, "is not a string", "a string", value.type_name());
    std::string out = value.get<std::string>();
    if (out.empty()) fail(prefix + key, "is empty");
    if (out.size() > most) {
      fail(prefix + key, "is too long", "at most " + std::to_string(most) + " bytes", std::to_string(out.size()));
    }
    return out;
  }

  void read_content(const Json& content, TaskItem& item) const {
    if (!content.is_array() || content.empty() || content.size() > limits_.parts) {
      fail("content", "is not a list of parts", "1 to " + std::to_string(limits_.parts) + " parts",
           content.is_array() ? std::to_string(content.size()) : content.type_name());
    }
    for (std::size_t i = 0; i < content.size(); ++i) {
      const std::string prefix = "content[" + std::to_string(i) + "].";
      if (!content[i].is_object()) fail("content[" + std::to_string(i) + "]", "is not an object");
      item.content.push_back(read_part(content[i], prefix));
    }
    if (item.question().empty()) fail("content", "has no text: the question is missing");
  }

  TaskPart read_part(const Json& part, const std::string& prefix) const {
    const std::string type = text(part, "type", limits_.name_bytes, prefix);
    if (type == "text") {
      return {TaskPart::Kind::text, text(part, "text", limits_.line_bytes, prefix), {}, 1.0};
    }
    if (type == "image") {
      return {TaskPart::Kind::image, {}, {media(text(part, "image", 4096, prefix), prefix + "image")}, 1.0};
    }
    if (type != "video") fail(prefix + "type", "is unknown", "text, image or video", type);
    const Json& frames = member(part, "frames", prefix);
    if (!frames.is_array() || frames.size() < 2 || frames.size() > limits_.frames) {
      fail(prefix + "frames", "is not a list of frames", "2 to " + std::to_string(limits_.frames) + " files",
           frames.is_array() ? std::to_string(frames.size()) : frames.type_name());
    }
    TaskPart video{TaskPart::Kind::video, {}, {}, number(member(part, "fps", prefix), prefix + "fps")};
    if (!(video.fps > 0.0 && video.fps <= 1000.0)) fail(prefix + "fps", "is out of range", "above 0, up to 1000");
    for (const Json& frame : frames) {
      if (!frame.is_string()) fail(prefix + "frames", "has an element that is not a file name");
      video.files.push_back(media(frame.get<std::string>(), prefix + "frames"));
    }
    return video;
  }

  std::string media(const std::string& file, const std::string& field) const {
    const std::filesystem::path path = folder_ / file;
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none)) fail(field, "there is no such file: " + path.string());
    return path.string();
  }

  double number(const Json& value, const std::string& field) const {
    if (!value.is_number()) fail(field, "is not a number", "a number", value.type_name());
    const auto number = value.get<double>();
    if (!std::isfinite(number)) fail(field, "is not finite");
    return number;
  }

  Metric metric(const std::string& wanted) const {
    std::string known;
    for (std::size_t i = 0; i < metric_names.size(); ++i) {
      if (metric_names[i] == wanted) return static_cast<Metric>(i);
      known += (i == 0 ? "" : ", ") + std::string(metric_names[i]);
    }
    fail("metric", "is unknown", "one of " + known, wanted);
  }

  void read_target(const Json& json, TaskItem& item) const {
    if (item.metric == Metric::json_f1 && !Json::accept(item.answer)) fail("answer", "is not JSON, as json_f1 needs");
    if (item.metric == Metric::seconds) {
      item.target = {number(member(json, "target"), "target")};
    } else if (item.metric == Metric::iou || item.metric == Metric::click) {
      const Json& box = member(json, "target");
      if (!box.is_array() || box.size() != 4) fail("target", "is not a box", "[x1, y1, x2, y2]", box.type_name());
      for (const Json& side : box) item.target.push_back(number(side, "target"));
      if (!(item.target[0] < item.target[2] && item.target[1] < item.target[3])) {
        fail("target", "is an empty box", "x1 < x2 and y1 < y2");
      }
    }
  }

  const std::filesystem::path& folder_;
  std::string place_;
  const TaskSetLimits& limits_;
};

}  // namespace

TaskSet read_task_set(const std::string& path, const TaskSetLimits& limits) {
  namespace fs = std::filesystem;
  std::error_code problem;
  const fs::path file = fs::is_directory(path, problem) ? fs::path(path) / "items.jsonl" : fs::path(path);
  if (!fs::is_regular_file(file, problem)) {
    throw vlmt::FileError("there is no such task set", {.file = file.string()});
  }
  const auto bytes = fs::file_size(file, problem);
  if (problem || bytes > limits.file_bytes) {
    throw vlmt::LimitError("the task set is too large", {.file = file.string(),
                                                         .offset = {},
                                                         .field = {},
                                                         .expected = std::to_string(limits.file_bytes) + " bytes",
                                                         .found = std::to_string(bytes)});
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) throw vlmt::FileError("cannot be read", {.file = file.string()});
  TaskSet set{file.string(), {}};
  std::unordered_set<std::string> ids;
  std::string line;
  const fs::path folder = file.parent_path();
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const TaskLine reader(folder, set.file + ":" + std::to_string(number), limits);
    if (line.size() > limits.line_bytes) {
      reader.fail({}, "the line is too long", "at most " + std::to_string(limits.line_bytes) + " bytes",
                  std::to_string(line.size()));
    }
    if (set.items.size() == limits.items) {
      reader.fail({}, "too many items", "at most " + std::to_string(limits.items));
    }
    TaskItem item = reader.read(line);
    item.line = number;
    if (!ids.insert(item.id).second) reader.fail("id", "is a duplicate", {}, item.id);
    set.items.push_back(std::move(item));
  }
  if (set.items.empty()) throw vlmt::FileError("the task set has no items", {.file = set.file});
  return set;
}

}  // namespace programs
