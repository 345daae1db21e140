// The headers under include/vlmt as text, for tests of the rules of the source tree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace source_tree {

struct Line {
  std::size_t number;
  std::string text;  // without comments, trimmed
  bool indented;
};

struct Header {
  std::string path;    // "vlmt/exec/team.hpp"
  std::string folder;  // "exec"; empty for an umbrella header
  std::string first_line;
  std::vector<Line> code;  // lines that are not empty without comments
};

struct Include {
  std::size_t line;
  std::string name;  // without quotes or brackets
  bool quoted;
};

inline std::string trimmed(std::string_view s) {
  const std::size_t begin = s.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(s.substr(begin, s.find_last_not_of(" \t\r") + 1 - begin));
}

// Removes comments. Comment markers inside literals are removed, too; no rule checked here depends on them.
inline std::string without_comments(const std::string& line, bool& in_block) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (in_block) {
      if (line.compare(i, 2, "*/") == 0) in_block = false, ++i;
    } else if (line.compare(i, 2, "/*") == 0) {
      in_block = true;
      ++i;
    } else if (line.compare(i, 2, "//") == 0) {
      break;
    } else {
      out += line[i];
    }
  }
  return trimmed(out);
}

inline Header read_header(const std::filesystem::path& root, const std::filesystem::path& file) {
  Header h;
  h.path = std::filesystem::relative(file, root).generic_string();
  const std::size_t slash = h.path.find('/', 5);
  if (slash != std::string::npos) h.folder = h.path.substr(5, slash - 5);
  std::ifstream in(file);
  bool in_block = false;
  std::string line;
  for (std::size_t n = 1; std::getline(in, line); ++n) {
    if (n == 1) h.first_line = line;
    std::string code = without_comments(line, in_block);
    if (!code.empty()) h.code.push_back({n, std::move(code), line[0] == ' '});
  }
  return h;
}

/// All headers under `root`/vlmt, sorted by path.
inline std::vector<Header> read_headers(const std::filesystem::path& root) {
  std::vector<Header> headers;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "vlmt")) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".hpp" || extension == ".cuh") headers.push_back(read_header(root, entry.path()));
  }
  std::sort(headers.begin(), headers.end(), [](const Header& a, const Header& b) { return a.path < b.path; });
  return headers;
}

inline std::vector<Include> includes_of(const Header& h) {
  std::vector<Include> found;
  for (const Line& line : h.code) {
    if (line.text[0] != '#') continue;
    const std::string directive = trimmed(std::string_view(line.text).substr(1));
    if (directive.compare(0, 7, "include") != 0) continue;
    const std::string rest = trimmed(std::string_view(directive).substr(7));
    const std::size_t end = rest.find_first_of(">\"", 1);
    if (end == std::string::npos) continue;
    found.push_back({line.number, rest.substr(1, end - 1), rest[0] == '"'});
  }
  return found;
}

}  // namespace source_tree
