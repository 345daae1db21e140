// The lines typed in earlier conversations, in a file of the user's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace programs {

/// A file with one line of a conversation per line, line feeds escaped. Several conversations may add at once. Failures
/// are silent: a conversation works without its history.
class HistoryFile {
 public:
  static constexpr std::size_t max_lines = 1000;
  static constexpr std::size_t max_line_bytes = 16'384;  ///< longer lines, such as data: URIs, are not kept

  /// An empty path keeps nothing.
  explicit HistoryFile(std::string path) : path_(std::move(path)) {}

  /// vlmt/history in $XDG_STATE_HOME or ~/.local/state; empty if there is no home.
  static std::string default_path();

  /// The last lines, the oldest first. Cuts a file of twice as many lines.
  std::vector<std::string> read() const;

  /// Adds a line; only the user may read the file.
  void add(std::string_view line) const;

 private:
  std::string path_;
};

}  // namespace programs
