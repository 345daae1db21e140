// Answers on disk, one file for each configuration and one JSON object a line, so that an evaluation that was stopped
// goes on where it was. What the answers depend on stands in a key: a changed model or question finds nothing.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <nlohmann/json_fwd.hpp>

namespace eval {

/// An answer and what it took.
struct Answer {
  std::string text;
  double seconds = 0.0;
  std::size_t tokens = 0;         ///< of the answer
  std::size_t visual_tokens = 0;  ///< of the question's pictures
};

/// The answers of one configuration, by the keys of the questions. `put` may be called by several threads.
class AnswerLog {
 public:
  /// A log in memory only.
  AnswerLog() = default;

  /// Opens or creates `path`, which must belong to the configuration `key`. A last line that was cut off is dropped.
  /// Throws vlmt::FileError.
  AnswerLog(const std::string& path, const std::string& key, const std::string& label);

  /// The answer to a question, or null.
  const Answer* find(const std::string& question) const;

  void put(const std::string& question, const std::string& id, Answer answer);

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  /// Reads what is there; returns the bytes of its whole lines.
  std::size_t read(const std::string& key);
  void write(const nlohmann::ordered_json& json);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::unordered_map<std::string, Answer> answers_;
  std::mutex mutex_;
};

}  // namespace eval
