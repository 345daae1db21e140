// A conversation, line by line: messages and commands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <vlmt/base/error.hpp>

#include "../common/media_source.hpp"
#include "arguments.hpp"
#include "chat.hpp"
#include "line_input.hpp"
#include "report.hpp"

class Conversation {
 public:
  /// `images` and `videos` belong to the first message.
  Conversation(const Arguments& arguments, Chat& chat, LineInput& input, std::vector<programs::MediaSource> images,
               std::vector<programs::MediaSource> videos);

  /// Reads lines until they end or /quit. Returns the exit code: 1 if a line of piped input could not be followed, as
  /// then an answer is missing.
  int run();

 private:
  /// Follows one line; false to end.
  bool follow(const std::string& line);
  /// Attaches what was found and asks its question. What cannot be attached holds later messages back.
  void attach(const programs::Attachments& found, bool folders);
  void drop();
  void reset();
  void ask(const std::string& text);
  /// Reports a line that could not be followed.
  void fail(const std::string& message);
  /// What helps against a full context; nothing for other errors.
  std::string advice(const vlmt::Error& error) const;
  /// "; still attached: a.png (/drop removes it)", or nothing.
  std::string still_attached() const;

  const Arguments& arguments_;
  Chat& chat_;
  LineInput& input_;
  std::vector<programs::MediaSource> images_, videos_;  ///< of the next message
  bool waits_ = false;  ///< something could not be attached, so messages wait for it or /drop
  std::optional<Report> last_;
  bool failed_ = false;
};
