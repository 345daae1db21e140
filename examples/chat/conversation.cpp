// See conversation.hpp.
#include "conversation.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <vlmt/vlmt.hpp>

#include "../common/bundled_model.hpp"
#include "../common/interrupt.hpp"
#include "../common/output.hpp"
#include "line_input.hpp"
#include "samples.hpp"

namespace {

constexpr const char* help_text =
    "/image PATH   attach an image to the next message\n"
    "/frames PATH  attach a video (a folder of frames) to the next message\n"
    "/stats        show times, speeds and memory of the last answer\n"
    "/reset        clear the conversation\n"
    "/quit         exit (or end of input)\n"
    "Ctrl-C        cancel the answer; twice: exit\n";

}  // namespace

int converse(const Arguments& a, Chat& chat) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) {
    programs::print("/help lists the commands.\n");
    if (programs::find_bundled_samples()) {
      const programs::TaskItem sample = sample_questions().front();
      programs::print("Try: /image %s\n     %s\n", sample.files().front().c_str(), sample.question().c_str());
    }
  }
  std::vector<std::string> images = a.images, videos = a.frames;
  std::optional<Report> last;
  std::optional<std::string> line;
  if (a.has_prompt) line = a.prompt;
  while (true) {
    if (!line) {
      if (terminal) programs::print("> ");
      programs::flush();
      programs::interrupted.clear();  // a Ctrl-C that came with the end of the answer
      line = read_line();
      if (!line) return 0;
    }
    const std::string text = trimmed(*line);
    line.reset();
    programs::interrupted.clear();
    const std::size_t space = text.find(' ');
    const std::string command = text.substr(0, space);
    const std::string argument = space == std::string::npos ? "" : trimmed(text.substr(space));
    try {
      if (text.empty()) continue;
      if (command == "/quit") return 0;
      if (command == "/help") {
        programs::print("%s", help_text);
      } else if (command == "/reset") {
        chat.reset();
        images.clear();
        videos.clear();
      } else if (command == "/stats") {
        programs::print("%s", last ? stats_lines(*last).c_str() : "no answer yet\n");
      } else if (command == "/image" || command == "/frames") {
        const bool image = command == "/image";
        std::vector<std::string> all_images = images, all_videos = videos;
        (image ? all_images : all_videos).push_back(argument);
        const std::vector<programs::MediaCost> costs = chat.costs(all_images, all_videos);
        programs::print("%s", programs::cost_line(image ? costs[all_images.size() - 1] : costs.back()).c_str());
        images = std::move(all_images);
        videos = std::move(all_videos);
      } else if (command[0] == '/') {
        std::fprintf(stderr, "vlmt-chat: unknown command %s; /help lists the commands\n", command.c_str());
      } else {
        const auto asked_images = std::exchange(images, {}), asked_videos = std::exchange(videos, {});
        last = chat.ask(text, asked_images, asked_videos);
        if (last->finish == "cancelled") {
          images = asked_images;
          videos = asked_videos;
          programs::print("%s(cancelled: not part of the conversation%s)", last->tokens.empty() ? "" : " ... ",
                          images.empty() && videos.empty() ? "" : "; the images stay attached to the next message");
        }
        programs::print("\n");
        tell(last->notes);
        if (a.stats) std::fprintf(stderr, "%s", stats_lines(*last).c_str());
      }
    } catch (const vlmt::Cancelled&) {
      programs::print("\n");
    } catch (const vlmt::Error& e) {
      std::fprintf(stderr, "vlmt-chat: %s%s\n", e.what(),
                   e.site().field == "context" ? "; /reset starts anew, a larger --context holds more" : "");
    }
  }
}
