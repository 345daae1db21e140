// See conversation.hpp.
#include "conversation.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include <vlmt/vlmt.hpp>

#include "../common/bundled_model.hpp"
#include "../common/shell_words.hpp"
#include "interrupt.hpp"
#include "samples.hpp"

namespace {

constexpr const char* conversation_help =
    "/image PATH...   attach images to the next message; text after the paths is the message\n"
    "/frames PATH...  attach videos (folders of frames), alike\n"
    "/drop            go on without the attached images and videos\n"
    "/stats           show times, speeds and memory of the last answer\n"
    "/reset           clear the conversation\n"
    "/quit            exit (or end of input)\n"
    "Ctrl-C           cancel the answer, or clear the line\n"
    "A path may be quoted or escaped, start with ~ or be a file: or data: URI. A message that begins with the path of "
    "an\n"
    "image attaches it, so files can be dropped here.\n";

}  // namespace

Conversation::Conversation(const Arguments& arguments, Chat& chat, LineInput& input,
                           std::vector<programs::MediaSource> images, std::vector<programs::MediaSource> videos)
    : arguments_(arguments), chat_(chat), input_(input), images_(std::move(images)), videos_(std::move(videos)) {}

int Conversation::run() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);  // without SA_RESTART, so that it also interrupts read()
  if (input_.is_terminal()) {
    std::printf("/help lists the commands.\n");
    if (programs::find_bundled_samples()) {
      const programs::TaskItem sample = sample_questions().front();
      std::printf("Try: /image %s\n     %s\n", sample.files().front().c_str(), sample.question().c_str());
    }
    if (!arguments_.greedy && arguments_.temperature > 0.0f) {
      std::printf("Seed: %llu\n", static_cast<unsigned long long>(arguments_.seed));
    }
  }
  if (arguments_.has_prompt && !follow(arguments_.prompt)) return 0;
  while (const auto line = input_.next()) {
    interrupted = 0;
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
      std::printf("%s", conversation_help);
    } else if (command == "/reset" || command == "/clear") {
      reset();
    } else if (command == "/stats") {
      std::printf("%s", last_ ? stats_lines(*last_).c_str() : "no answer yet\n");
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
  } catch (const Interrupted&) {
    std::printf("\n");
    if (const std::string still = still_attached(); !still.empty()) std::printf("cancelled%s\n", still.c_str());
  } catch (const vlmt::Error& e) {
    fail(e.what() +
         std::string(waits_ ? "; messages wait for it: attach another path, or /drop to go on without" : ""));
  }
  return true;
}

void Conversation::attach(const programs::Attachments& found, bool folders) {
  std::vector<MediaCost> costs;
  for (const programs::MediaSource& m : found.media) {
    costs.push_back(folders ? chat_.costs().video(m.name) : chat_.costs().image(m));
  }
  std::vector<programs::MediaSource>& attached = folders ? videos_ : images_;
  attached.insert(attached.end(), found.media.begin(), found.media.end());
  waits_ = false;
  std::printf("%s", cost_lines(costs).c_str());
  if (!found.question.empty()) ask(found.question);
}

void Conversation::drop() {
  if (std::exchange(waits_, false)) {
    std::printf("messages go on without it%s\n", still_attached().c_str());
    return;
  }
  std::printf("dropped %zu images and %zu videos\n", images_.size(), videos_.size());
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
  } catch (const vlmt::LimitError& e) {
    const bool full = e.site().field == "context";
    fail(e.what() + (full ? "; " + full_advice(chat_.has_history(), chat_.context()) : "") + still_attached());
    return;
  } catch (const vlmt::Error& e) {
    fail(e.what() + still_attached());
    return;
  }
  images_.clear();
  videos_.clear();
  std::printf("%s\n", last_->finish == "cancelled" ? " ..." : "");
  std::fflush(stdout);
  if (!last_->cut.empty()) std::fprintf(stderr, "vlmt-chat: %s\n", last_->cut.c_str());
  if (arguments_.stats) std::fprintf(stderr, "%s", stats_lines(*last_).c_str());
}

void Conversation::fail(const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "vlmt-chat: %s\n", message.c_str());
  failed_ = true;
}

std::string Conversation::still_attached() const {
  std::string names;
  for (const std::vector<programs::MediaSource>* list : {&images_, &videos_}) {
    for (const programs::MediaSource& m : *list) names += (names.empty() ? "" : ", ") + m.name;
  }
  return names.empty() ? "" : "; still attached: " + names + " (/drop removes them)";
}
