// See answer_log.hpp.
#include "answer_log.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include <vlmt/base/error.hpp>

namespace eval {

using Json = nlohmann::ordered_json;

AnswerLog::AnswerLog(const std::string& path, const std::string& key, const std::string& label) : path_(path) {
  std::error_code problem;
  if (std::filesystem::exists(path, problem) && !std::filesystem::is_regular_file(path, problem)) {
    throw vlmt::FileError("is not a regular file", {.file = path});
  }
  const std::size_t good = read(key);
  if (std::filesystem::exists(path, problem)) std::filesystem::resize_file(path, good, problem);
  file_.reset(std::fopen(path.c_str(), "ab"));
  if (!file_ || problem) throw vlmt::FileError("cannot be written", {.file = path});
  if (good == 0) write({{"configuration", label}, {"key", key}});
}

const Answer* AnswerLog::find(const std::string& question) const {
  const auto found = answers_.find(question);
  return found == answers_.end() ? nullptr : &found->second;
}

void AnswerLog::put(const std::string& question, const std::string& id, Answer answer) {
  const std::lock_guard lock(mutex_);
  write({{"question", question},
         {"id", id},
         {"answer", answer.text},
         {"seconds", answer.seconds},
         {"tokens", answer.tokens},
         {"visual_tokens", answer.visual_tokens}});
  answers_.insert_or_assign(question, std::move(answer));
}

std::size_t AnswerLog::read(const std::string& key) {
  std::ifstream in(path_, std::ios::binary);
  std::string line;
  std::size_t good = 0;
  for (std::size_t number = 1; std::getline(in, line) && !in.eof(); ++number) {
    const std::string place = path_ + ":" + std::to_string(number);
    try {
      const Json json = Json::parse(line);
      if (number == 1) {
        if (json.at("key").get<std::string>() != key) {
          throw vlmt::FileError("holds answers of another model or configuration", {.file = place});
        }
      } else {
        answers_.insert_or_assign(
            json.at("question").get<std::string>(),
            Answer{json.at("answer").get<std::string>(), json.at("seconds").get<double>(),
                   json.at("tokens").get<std::size_t>(), json.at("visual_tokens").get<std::size_t>()});
      }
    } catch (const Json::exception&) {
      throw vlmt::FileError("is not a line of an answer log; remove the file to start again", {.file = place});
    }
    good += line.size() + 1;
  }
  return good;
}

void AnswerLog::write(const Json& json) {
  if (!file_) return;
  // An answer that stops at max_tokens may end inside a UTF-8 sequence.
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() || std::fflush(file_.get()) != 0) {
    throw vlmt::FileError("cannot be written", {.file = path_});
  }
}

}  // namespace eval
