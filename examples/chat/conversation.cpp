// See conversation.hpp.
#include "conversation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

#include <vlmt/vlmt.hpp>

#include "../common/bundled_model.hpp"
#include "../common/output.hpp"
#include "../common/shell_words.hpp"
#include "samples.hpp"

namespace {

constexpr const char* conversation_help =
    "/image PATH...   attach images to the next message; text after the paths is the message\n"
    "/frames PATH...  attach videos (folders of frames), alike\n"
    "/drop            go on without the attached images and videos\n"
    "/stats           show times, speeds and memory of the last answer\n"
    "/reset           clear the conversation\n"
    "/quit            exit (or end of input)\n"
    "Ctrl-C           cancel the answer, or clear the line; twice during an answer: exit\n"
    "A path may be quoted or escaped, start with ~ or be a file: or data: URI. A message that begins with the path of "
    "an\n"
    "image attaches it, so files can be dropped here.\n";

}  // namespace

Conversation::Conversation(const Arguments& arguments, Chat& chat, LineInput& input,
                           std::vector<programs::MediaSource> images, std::vector<programs::MediaSource> videos)
    : arguments_(arguments), chat_(chat), input_(input), images_(std::move(images)), videos_(std::move(videos)) {}

int Conversation::run() {
  if (input_.is_terminal()) {
    programs::print("/help lists the commands.\n");
    if (programs::find_bundled_samples()) {
      const programs::TaskItem sample = sample_questions().front();
      programs::print("Try: /image %s\n     %s\n", sample.files().front().c_str(), sample.question().c_str());
    }
    if (!arguments_.greedy && arguments_.temperature > 0.0f) {
      programs::print("Seed: %llu\n", static_cast<unsigned long long>(arguments_.seed));
    }
  }
  if (arguments_.has_prompt && !follow(arguments_.prompt)) return 0;
  while (const auto line = input_.next()) {
    if (!follow(*line)) break;
  }
  return failed_ && !input_.is_terminal() ? 1 : 0;
}

bool Conversation::follow(const std::string& line) {
  const std::string text = programs::trimmed(line);
  if (text.empty()) return true;
  const std::size_t space = std::min(text.find_first_of(" \t\n"), text.size());
  const std::string command = text.substr(0, space);
  const std::string arguments = programs::trimmed(std::string_view(text).substr(space));
  try {
    if (command == "/quit" || command == "/exit" || command == "/bye") return false;
    if (command == "/help") {
      programs::print("%s", conversation_help);
    } else if (command == "/reset" || command == "/clear") {
      reset();
    } else if (command == "/stats") {
      programs::write(last_ ? stats_lines(*last_) : "no answer yet\n");
    } else if (command == "/drop") {
      drop();
    } else if (command == "/image" || command == "/frames") {
      const bool folders = command == "/frames";
      waits_ = true;  // until it is attached
      if (arguments.empty()) throw vlmt::InputError(command + " needs a path");
      attach(folders ? programs::take_folders(arguments) : programs::take_images(arguments), folders);
    } else {
      const bool waited = std::exchange(waits_, true);
      const auto dropped = programs::dropped_images(text);
      waits_ = waited;
      if (dropped) {
        waits_ = true;
        attach(*dropped, false);
      } else if (command[0] == '/') {
        fail("unknown command " + command + "; /help lists the commands");
      } else {
        ask(text);
      }
    }
  } catch (const vlmt::Cancelled&) {
    programs::print("\n");
  } catch (const vlmt::Error& e) {
    fail(e.what() + advice(e) +
         (waits_ ? "; messages wait for it: attach another path, or /drop to go on without" : ""));
  }
  return true;
}

void Conversation::attach(const programs::Attachments& found, bool folders) {
  std::vector<programs::MediaSource> images = images_, videos = videos_;
  std::vector<programs::MediaSource>& attached = folders ? videos : images;
  attached.insert(attached.end(), found.media.begin(), found.media.end());
  const std::vector<programs::MediaCost> costs = chat_.costs(images, videos);
  const std::size_t first = images_.size() + (folders ? videos_.size() : 0);
  for (std::size_t i = 0; i < found.media.size(); ++i) programs::write(programs::cost_line(costs[first + i]));
  images_ = std::move(images);
  videos_ = std::move(videos);
  waits_ = false;
  if (!found.question.empty()) ask(found.question);
}

void Conversation::drop() {
  if (std::exchange(waits_, false)) {
    programs::print("messages go on without it%s\n", still_attached().c_str());
    return;
  }
  programs::print("dropped %zu images and %zu videos\n", images_.size(), videos_.size());
  images_.clear();
  videos_.clear();
}

void Conversation::reset() {
  chat_.reset();
  images_.clear();
  videos_.clear();
  waits_ = false;
}

void Conversation::ask(const std::string& text) {
  if (waits_) {
    fail("not asked, as something could not be attached: attach another path, or /drop to go on without");
    return;
  }
  try {
    last_ = chat_.ask(text, images_, videos_);
  } catch (const vlmt::Error& e) {
    fail(e.what() + advice(e) + still_attached());
    return;
  }
  if (last_->finish == "cancelled") {
    programs::print("%s(cancelled: not part of the conversation%s)", last_->tokens.empty() ? "" : " ... ",
                    images_.empty() && videos_.empty() ? "" : "; the images stay attached to the next message");
  } else {
    images_.clear();
    videos_.clear();
  }
  programs::print("\n");
  programs::flush();
  tell(last_->notes);
  chat_.draw(*last_);
  if (arguments_.stats) std::fprintf(stderr, "%s", stats_lines(*last_).c_str());
}

void Conversation::fail(const std::string& message) {
  programs::flush();
  tell({message});
  failed_ = true;
}

std::string Conversation::advice(const vlmt::Error& e) const {
  return e.site().field == "context" ? chat_.context_advice() : std::string();
}

std::string Conversation::still_attached() const {
  std::string names;
  for (const std::vector<programs::MediaSource>* list : {&images_, &videos_}) {
    for (const programs::MediaSource& m : *list) names += (names.empty() ? "" : ", ") + m.name;
  }
  return names.empty() ? "" : "; still attached: " + names + " (/drop removes them)";
}
