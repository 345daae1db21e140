// See prompt_input.hpp.
#include "prompt_input.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vlmt/base/error.hpp>
#include <vlmt/io/load_image.hpp>

#include "../common/shell_words.hpp"

namespace {

constexpr std::size_t max_prompt_bytes = std::size_t{64} << 20;
constexpr int notice_after = 2000;  // milliseconds

/// True for a file, a pipe or a socket. Reading a device such as a terminal is never meant by a prompt.
bool is_piped() {
  struct stat status {};
  if (fstat(STDIN_FILENO, &status) != 0) return false;
  return S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
}

std::string read_all(bool has_prompt) {
  // A pipe that another program keeps open without writing would look like a hang.
  pollfd wait{STDIN_FILENO, POLLIN, 0};
  if (has_prompt && poll(&wait, 1, notice_after) == 0) {
    std::fprintf(stderr,
                 "vlmt-chat: waiting for the end of standard input, which is joined with the prompt; \"< /dev/null\" "
                 "skips it\n");
  }
  std::string text;
  std::array<char, 1 << 16> block;
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EBADF) return text;  // closed
    if (n < 0) {
      throw vlmt::FileError(std::string("cannot be read: ") + std::strerror(errno), {.file = "standard input"});
    }
    if (n == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(n));
    if (text.size() > max_prompt_bytes) {
      throw vlmt::LimitError(
          "the text is too long",
          {.file = "standard input", .expected = "at most " + std::to_string(max_prompt_bytes) + " bytes"});
    }
  }
}

std::string piped_text(bool has_prompt) {
  const std::string text = read_all(has_prompt);
  try {
    vlmt::probe_image(std::as_bytes(std::span(text)));
  } catch (const vlmt::Error&) {
    return programs::trimmed(text);
  }
  throw vlmt::InputError("is an image, not text; the option is --image -", {.file = "standard input"});
}

}  // namespace

void read_prompt(Arguments& a) {
  const bool taken = std::find(a.images.begin(), a.images.end(), "-") != a.images.end();
  if (!taken && (is_piped() || !(a.has_prompt || a.dry_run))) {
    const std::string piped = piped_text(a.has_prompt);
    const bool both = !piped.empty() && !a.prompt.empty();
    a.prompt = piped + (both ? "\n\n" : "") + a.prompt;
    a.has_prompt = a.has_prompt || !piped.empty();
  }
  if (a.dry_run) return;
  if (a.prompt.empty() && a.images.empty() && a.frames.empty()) throw vlmt::InputError("the prompt is empty");
  a.has_prompt = true;
}
