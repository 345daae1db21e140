// See line_editor.hpp.
#include "line_editor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <string_view>

#include <histedit.h>
#include <langinfo.h>
#include <termios.h>
#include <unistd.h>

#include "../common/completion.hpp"
#include "../common/interrupt.hpp"
#include "../common/wake_pipe.hpp"

namespace {

constexpr std::size_t max_pasted = std::size_t{64} << 20;  // characters
constexpr std::size_t max_shown = 100;                     // candidates of a completion
constexpr std::string_view paste_on = "\033[?2004h";
constexpr std::string_view paste_off = "\033[?2004l";

// For signal handlers, which can reach nothing else.
termios original_settings;
bool marks_pastes = false;
int screen = STDOUT_FILENO;
std::atomic<bool> redraw{false};

void write_terminal(std::string_view text) {
  if (!marks_pastes) return;
  [[maybe_unused]] const ssize_t n = ::write(screen, text.data(), text.size());
}

void restore_terminal() {
  tcsetattr(STDIN_FILENO, TCSADRAIN, &original_settings);
  write_terminal(paste_off);
}

extern "C" void restore_and_die(int signal) {
  restore_terminal();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// Ctrl-Z: the shell gets the terminal as it was, and the program gets its settings back afterwards.
extern "C" void restore_and_stop(int) {
  const int error = errno;
  termios settings;
  tcgetattr(STDIN_FILENO, &settings);
  restore_terminal();
  std::raise(SIGSTOP);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
  write_terminal(paste_on);
  redraw = true;
  programs::wake_prompt();
  errno = error;
}

extern "C" void note_new_size(int) {
  redraw = true;
  programs::wake_prompt();
}

/// Handlers that stay for the rest of the program. System calls go on after them.
void handle_signals() {
  programs::open_wake_pipe();
  struct sigaction action = {};
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  action.sa_handler = restore_and_die;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);  // nohup
  }
  action.sa_handler = restore_and_stop;
  struct sigaction before = {};
  sigaction(SIGTSTP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGTSTP, &action, nullptr);  // a shell without job control
  action.sa_handler = note_new_size;
  sigaction(SIGWINCH, &action, nullptr);
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
  std::FILE* out = nullptr;
  el_get(editor, EL_GETFP, 1, &out);
  std::fprintf(out, "\n");
  for (std::size_t i = 0; i < std::min(c.candidates.size(), max_shown); ++i) {
    std::fprintf(out, "%s\n", c.candidates[i].c_str());
  }
  if (c.candidates.size() > max_shown) std::fprintf(out, "... and %zu more\n", c.candidates.size() - max_shown);
  std::fflush(out);
  return CC_REDISPLAY;
}

/// libedit decodes what is typed with the character set of the locale. Messages are UTF-8.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

LineEditor::LineEditor(std::FILE* out, bool keep_history)
    : out_(out), file_(keep_history ? programs::HistoryFile::default_path() : "") {
  use_utf8();
  tcgetattr(STDIN_FILENO, &original_settings);
  screen = fileno(out);
  const char* kind = std::getenv("TERM");
  marks_pastes = kind != nullptr && std::strcmp(kind, "dumb") != 0;
  handle_signals();
  editor_ = el_init("vlmt-chat", stdin, out, stderr);
  history_ = history_init();
  HistEvent event;
  history(history_, &event, H_SETSIZE, static_cast<int>(programs::HistoryFile::max_lines));
  history(history_, &event, H_SETUNIQUE, 1);
  for (const std::string& line : file_.read()) history(history_, &event, H_ENTER, line.c_str());
  el_set(editor_, EL_CLIENTDATA, this);
  el_set(editor_, EL_GETCFN, static_cast<int (*)(EditLine*, wchar_t*)>(read_character));
  el_set(editor_, EL_PROMPT, prompt);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, history, history_);
  el_source(editor_, nullptr);  // ~/.editrc
  el_set(editor_, EL_ADDFN, "vlmt-paste", "Inserts a pasted text", insert_paste);
  el_set(editor_, EL_BIND, "\\e[200~", "vlmt-paste", nullptr);
  el_set(editor_, EL_ADDFN, "vlmt-complete", "Completes a command or a path", complete_word);
  el_set(editor_, EL_BIND, "^I", "vlmt-complete", nullptr);
  // While no line is edited the terminal must not collect lines either: it would cut them at 4095 bytes.
  el_set(editor_, EL_SETTY, "-x", "-icanon", nullptr);
  termios settings = original_settings;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON);
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  write_terminal(paste_on);
}

LineEditor::~LineEditor() {
  history_end(history_);
  el_end(editor_);
  restore_terminal();
}

std::optional<std::string> LineEditor::next() {
  int size = 0;
  cancelled_ = false;
  el_set(editor_, EL_PREP_TERM, 1);  // before the prompt: who answers it must not see the line twice
  const char* text = el_gets(editor_, &size);
  if (cancelled_ || text == nullptr || size <= 0) {
    std::fprintf(out_, "\n");
    std::fflush(out_);
    if (cancelled_) return std::string();
    return std::nullopt;
  }
  std::string line(text, static_cast<std::size_t>(size));
  if (line.ends_with('\n')) line.pop_back();
  remember(line);
  return line;
}

int LineEditor::read_character(EditLine* editor, wchar_t* c) {
  void* self = nullptr;
  el_get(editor, EL_CLIENTDATA, &self);
  return static_cast<LineEditor*>(self)->read_character(c);
}

int LineEditor::read_character(wchar_t* c) {
  while (!cancelled_) {
    if (const auto next = buffered_character()) {
      *c = *next;
      return 1;
    }
    if (!programs::wait_for_input()) {
      if (programs::interrupted.is_set()) {
        programs::interrupted.clear();
        bytes_.clear();
        cancelled_ = true;
      } else if (redraw.exchange(false)) {
        el_resize(editor_);
        el_set(editor_, EL_REFRESH);
      }
      continue;
    }
    std::array<char, 4096> block;
    const ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return static_cast<int>(n);
    bytes_.append(block.data(), static_cast<std::size_t>(n));
  }
  errno = EINTR;
  return -1;
}

std::optional<wchar_t> LineEditor::buffered_character() {
  while (taken_ < bytes_.size()) {
    wchar_t c = L'\0';
    std::mbstate_t state = {};
    const std::size_t n = std::mbrtowc(&c, bytes_.data() + taken_, bytes_.size() - taken_, &state);
    if (n == static_cast<std::size_t>(-2)) break;
    taken_ += n == static_cast<std::size_t>(-1) ? 1 : std::max<std::size_t>(n, 1);
    if (n != static_cast<std::size_t>(-1)) return c;  // bytes that are not UTF-8 are dropped
  }
  bytes_.erase(0, taken_);
  taken_ = 0;
  return std::nullopt;
}

void LineEditor::remember(const std::string& line) {
  // As in shells, a space before a line keeps it out of the history.
  if (line.empty() || line[0] == ' ' || line.size() > programs::HistoryFile::max_line_bytes) return;
  HistEvent event;
  history(history_, &event, H_ENTER, line.c_str());
  file_.add(line);
}
