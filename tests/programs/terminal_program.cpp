// See terminal_program.hpp.
#include "programs/terminal_program.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"

namespace program_test {

TerminalProgram::TerminalProgram(const std::string& program, const std::vector<std::string>& arguments,
                                 const std::string& folder) {
  const std::string executable = std::string(VLMT_BIN) + "/" + program;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const std::string threads = std::to_string(vlmt::OmpTeam::default_size().usable);
  winsize size{24, 80, 0, 0};
  child_ = forkpty(&terminal_, nullptr, nullptr, &size);
  EXPECT_GE(child_, 0);
  if (child_ != 0) return;
  setenv("HOME", folder.c_str(), 1);
  setenv("TMPDIR", (folder + "/tmp").c_str(), 1);
  setenv("XDG_CACHE_HOME", (folder + "/cache").c_str(), 1);
  setenv("XDG_STATE_HOME", (folder + "/state").c_str(), 1);
  setenv("OMP_NUM_THREADS", threads.c_str(), 0);
  setenv("TERM", "xterm", 1);
  setenv("LC_ALL", "C", 1);
  std::signal(SIGINT, SIG_DFL);
#if defined(VLMT_TEST_SANITIZED)
  // libedit keeps copies of strings, which the short stacks of leaks do not lead back to it.
  setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
#endif
  execv(executable.c_str(), argv.data());
  _exit(127);
}

TerminalProgram::~TerminalProgram() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(terminal_);
}

void TerminalProgram::type(const std::string& keys) {
  std::size_t sent = 0;
  while (sent < keys.size()) {
    pollfd ready{terminal_, POLLOUT | POLLIN, 0};
    if (poll(&ready, 1, 60'000) <= 0) break;
    if ((ready.revents & POLLIN) != 0) read_some();
    if ((ready.revents & POLLOUT) == 0) continue;
    const ssize_t n = write(terminal_, keys.data() + sent, std::min<std::size_t>(keys.size() - sent, 256));
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(sent, keys.size());
}

void TerminalProgram::send_signal(int signal) const {
  EXPECT_EQ(kill(child_, signal), 0);
}

void TerminalProgram::wait_until_stopped() const {
  int status = 0;
  EXPECT_EQ(waitpid(child_, &status, WUNTRACED), child_);
  EXPECT_TRUE(WIFSTOPPED(status));
}

std::string TerminalProgram::wait_for(const std::string& text) {
  std::size_t at = 0;
  while ((at = output_.find(text, taken_)) == std::string::npos) {
    if (!read_some()) {
      ADD_FAILURE() << "no \"" << text << "\" in: " << rest();
      return rest();
    }
  }
  const std::string found = output_.substr(taken_, at + text.size() - taken_);
  taken_ = at + text.size();
  return found;
}

int TerminalProgram::code() {
  while (read_some()) continue;
  int status = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (waitpid(child_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "still runs; output: " << rest();
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  child_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool TerminalProgram::collects_lines() const {
  termios settings = {};
  tcgetattr(terminal_, &settings);
  return (settings.c_lflag & ICANON) != 0 && (settings.c_lflag & ECHO) != 0;
}

bool TerminalProgram::read_some() {
  char buffer[4096];
  pollfd wait{terminal_, POLLIN, 0};
  if (poll(&wait, 1, 60'000) <= 0) return false;
  const ssize_t n = read(terminal_, buffer, sizeof buffer);
  if (n <= 0) return false;  // EIO: the program has closed its side
  output_.append(buffer, static_cast<std::size_t>(n));
  return true;
}

}  // namespace program_test
