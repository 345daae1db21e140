// See line_editor.hpp.
#include "line_editor.hpp"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <histedit.h>
#include <langinfo.h>
#include <unistd.h>

#include "../common/completion.hpp"

namespace {

constexpr std::size_t max_pasted = std::size_t{64} << 20;  // characters
constexpr std::size_t max_shown = 100;                     // candidates of a completion
constexpr std::string_view paste_on = "\033[?2004h";
constexpr std::string_view paste_off = "\033[?2004l";

// For signal handlers, which can reach nothing else.
termios original_settings;
bool marks_pastes = false;

void write_terminal(std::string_view text) {
  [[maybe_unused]] const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
}

extern "C" void restore_and_die(int signal) {
  tcsetattr(STDIN_FILENO, TCSANOW, &original_settings);
  if (marks_pastes) write_terminal(paste_off);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

char* prompt(EditLine*) {
  static char text[] = "> ";
  return text;
}

/// Reads what the terminal marked as pasted, to its end mark.
unsigned char insert_paste(EditLine* editor, int) {
  constexpr std::wstring_view end_mark = L"\033[201~";
  std::wstring text;
  wchar_t c = L'\0';
  while (!std::wstring_view(text).ends_with(end_mark)) {
    if (el_wgetc(editor, &c) != 1 || text.size() > max_pasted) return CC_ERROR;
    text += c;
  }
  text.resize(text.size() - end_mark.size());
  std::wstring lines;  // terminals send a carriage return for a line feed
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == L'\r') {
      if (i + 1 == text.size() || text[i + 1] != L'\n') lines += L'\n';
    } else if (text[i] >= L' ' || text[i] == L'\n' || text[i] == L'\t') {
      lines += text[i];
    }
  }
  if (lines.empty()) return CC_NORM;
  return el_winsertstr(editor, lines.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

unsigned char complete_word(EditLine* editor, int) {
  const LineInfo* line = el_line(editor);
  const programs::Completion c =
      programs::complete({line->buffer, static_cast<std::size_t>(line->cursor - line->buffer)});
  if (!c.insert.empty()) return el_insertstr(editor, c.insert.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  if (c.candidates.size() < 2) return CC_NORM;
  std::printf("\n");
  for (std::size_t i = 0; i < std::min(c.candidates.size(), max_shown); ++i)
    std::printf("%s\n", c.candidates[i].c_str());
  if (c.candidates.size() > max_shown) std::printf("... and %zu more\n", c.candidates.size() - max_shown);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

/// libedit decodes what is typed with the character set of the locale. Messages are UTF-8.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

LineEditor::LineEditor(bool keep_history) : file_(keep_history ? programs::HistoryFile::default_path() : "") {
  use_utf8();
  tcgetattr(STDIN_FILENO, &original_settings);
  editor_ = el_init("vlmt-chat", stdin, stdout, stderr);
  history_ = history_init();
  HistEvent event;
  history(history_, &event, H_SETSIZE, static_cast<int>(programs::HistoryFile::max_lines));
  history(history_, &event, H_SETUNIQUE, 1);
  for (const std::string& line : file_.read()) history(history_, &event, H_ENTER, line.c_str());
  el_set(editor_, EL_PROMPT, prompt);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, history, history_);
  el_source(editor_, nullptr);  // ~/.editrc
  el_set(editor_, EL_SIGNAL, 1);
  el_set(editor_, EL_ADDFN, "vlmt-paste", "Inserts a pasted text", insert_paste);
  el_set(editor_, EL_BIND, "\\e[200~", "vlmt-paste", nullptr);
  el_set(editor_, EL_ADDFN, "vlmt-complete", "Completes a command or a path", complete_word);
  el_set(editor_, EL_BIND, "^I", "vlmt-complete", nullptr);
  // While no line is edited the terminal must not collect lines either: it would cut them at 4095 bytes.
  el_set(editor_, EL_SETTY, "-x", "-icanon", nullptr);
  termios settings = original_settings;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON);
  tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  const char* kind = std::getenv("TERM");
  marks_pastes = isatty(STDOUT_FILENO) != 0 && kind != nullptr && std::strcmp(kind, "dumb") != 0;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, restore_and_die);
  if (marks_pastes) write_terminal(paste_on);
}

LineEditor::~LineEditor() {
  if (marks_pastes) write_terminal(paste_off);
  history_end(history_);
  el_end(editor_);
  tcsetattr(STDIN_FILENO, TCSANOW, &original_settings);
}

std::optional<std::string> LineEditor::next() {
  int size = 0;
  errno = 0;
  const char* text = el_gets(editor_, &size);
  const bool interrupted_line = size < 0 && errno == EINTR;
  if (text == nullptr || size <= 0) {
    std::printf("\n");
    std::fflush(stdout);
    if (interrupted_line) return std::string();
    return std::nullopt;
  }
  std::string line(text, static_cast<std::size_t>(size));
  if (line.ends_with('\n')) line.pop_back();
  remember(line);
  return line;
}

void LineEditor::remember(const std::string& line) {
  // As in shells, a space before a line keeps it out of the history.
  if (line.empty() || line[0] == ' ' || line.size() > programs::HistoryFile::max_line_bytes) return;
  HistEvent event;
  history(history_, &event, H_ENTER, line.c_str());
  file_.add(line);
}
