// Answers on disk: one JSONL file per configuration, so that an interrupted evaluation can resume. Keys hash all inputs
// of an answer: after a change of the model or the question the log has no answer for it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <nlohmann/json_fwd.hpp>

namespace eval {

/// An answer and its cost.
struct Answer {
  std::string text;
  double seconds = 0.0;           ///< wall time of the question
  std::size_t tokens = 0;         ///< generated
  std::size_t visual_tokens = 0;  ///< image tokens in the prompt
};

/// The answers of one configuration by question key. `put` may be called from several threads at once; `find` must not
/// run beside it.
class AnswerLog {
 public:
  /// An in-memory log without a file.
  AnswerLog() = default;

  /// Opens or creates `path`. Drops an incomplete last line. Throws vlmt::FileError if the file cannot be read or
  /// written, or belongs to another configuration than `key`.
  AnswerLog(const std::string& path, const std::string& key, const std::string& label);

  /// The answer to a question, or null.
  const Answer* find(const std::string& question) const;

  /// Stores an answer and appends it to the file. Throws vlmt::FileError.
  void put(const std::string& question, const std::string& id, Answer answer);

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  /// Reads the file; returns the number of bytes in complete lines.
  std::size_t read(const std::string& key);
  void write(const nlohmann::ordered_json& json);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::unordered_map<std::string, Answer> answers_;
  std::mutex mutex_;
};

}  // namespace eval
