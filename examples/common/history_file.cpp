// See history_file.hpp.
#include "history_file.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace programs {
namespace {

namespace fs = std::filesystem;

/// A file of more bytes is not read.
constexpr std::uintmax_t max_file_bytes = std::uintmax_t{64} << 20;

std::string escaped_line(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '\\' || c == '\n') out += '\\';
    out += c == '\n' ? 'n' : c;
  }
  return out + "\n";
}

std::string line_of(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escape = line[i] == '\\' && i + 1 < line.size();
    if (escape) ++i;
    out += escape && line[i] == 'n' ? '\n' : line[i];
  }
  return out;
}

/// Opens for writing, readable by the user alone.
int open_private(const std::string& path, int flags) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
}

/// Writes in one call, so that lines of two processes do not mix.
bool write_all(int file, const std::string& bytes) {
  return ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

}  // namespace

std::string HistoryFile::default_path() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string(state) + "/vlmt/history";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home != '/' ? "" : std::string(home) + "/.local/state/vlmt/history";
}

std::vector<std::string> HistoryFile::read() const {
  std::error_code none;
  if (path_.empty() || !fs::is_regular_file(path_, none) || fs::file_size(path_, none) > max_file_bytes) return {};
  std::vector<std::string> lines;
  std::ifstream in(path_, std::ios::binary);
  for (std::string line; std::getline(in, line);) lines.push_back(line_of(line));
  if (lines.size() <= max_lines) return lines;
  const bool cut = lines.size() > 2 * max_lines;
  lines.erase(lines.begin(), lines.end() - max_lines);
  if (cut) {
    std::string text;
    for (const std::string& line : lines) text += escaped_line(line);
    const std::string part = path_ + "." + std::to_string(getpid());
    const int file = open_private(part, O_TRUNC);
    if (file >= 0) {
      const bool written = write_all(file, text);
      ::close(file);
      if (written) fs::rename(part, path_, none);
      fs::remove(part, none);
    }
  }
  return lines;
}

void HistoryFile::add(std::string_view line) const {
  if (path_.empty() || line.empty() || line.size() > max_line_bytes) return;
  std::error_code none;
  const fs::path folder = fs::path(path_).parent_path();
  if (!fs::exists(folder, none) && fs::create_directories(folder, none)) {
    fs::permissions(folder, fs::perms::owner_all, none);
  }
  const int file = open_private(path_, O_APPEND | O_NOFOLLOW);
  if (file < 0) return;
  write_all(file, escaped_line(line));
  ::close(file);
}

}  // namespace programs
