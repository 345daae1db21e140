// See completion.hpp.
#include "completion.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include <vlmt/base/error.hpp>

#include "media_source.hpp"
#include "shell_words.hpp"

namespace programs {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> commands = {"/drop", "/frames", "/help", "/image",
                                                      "/quit", "/reset",  "/stats"};
constexpr std::size_t max_entries = 100'000;

/// The common beginning of names, without an incomplete UTF-8 character.
std::string common_prefix(const std::vector<std::string>& names) {
  std::string common = names.front();
  for (const std::string& name : names) {
    const auto end = std::mismatch(common.begin(), common.end(), name.begin(), name.end()).first;
    common.erase(end, common.end());
  }
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  std::size_t tail = 0;
  while (tail < common.size() && continues(common[common.size() - 1 - tail])) ++tail;
  const auto differs = [&](const std::string& name) {
    return name.size() > common.size() && continues(name[common.size()]);
  };
  if (std::any_of(names.begin(), names.end(), differs)) {
    common.resize(common.size() - std::min(common.size(), tail + 1));
  }
  return common;
}

Completion complete_command(std::string_view typed) {
  Completion c;
  for (const std::string_view command : commands) {
    if (command.starts_with(typed)) c.candidates.emplace_back(command);
  }
  if (c.candidates.empty()) return c;
  c.insert = common_prefix(c.candidates).substr(typed.size());
  if (c.candidates.size() == 1) c.insert += ' ';
  return c;
}

/// The last word of the line, which the cursor follows.
struct LastWord {
  ShellWord word;
  std::size_t begin = 0;
};

LastWord last_word(std::string_view line) {
  std::size_t at = skip_space(line, 0);
  while (at < line.size()) {
    const ShellWord word = shell_word(line, at);
    if (word.end == line.size()) return {word, at};
    at = skip_space(line, word.end);
  }
  return {{}, line.size()};
}

Completion complete_path(std::string_view line, bool folders_only) {
  const auto [word, begin] = last_word(line);
  if (word.quoted && word.closed) return {};
  const std::size_t slash = word.text.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : word.text.substr(0, slash + 1);
  const std::string typed = word.text.substr(folder.size());
  Completion c;
  std::error_code problem;
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : expanded_path(folder), problem)) {
    if (++entries > max_entries) break;
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(typed) || (typed.empty() && name[0] == '.')) continue;
    std::error_code none;
    if (entry.is_directory(none)) {
      c.candidates.push_back(name + "/");
    } else if (!folders_only && has_image_extension(name)) {
      c.candidates.push_back(name);
    }
  }
  if (c.candidates.empty()) return c;
  std::sort(c.candidates.begin(), c.candidates.end());
  const bool single = c.candidates.size() == 1;
  const std::string rest = common_prefix(c.candidates).substr(typed.size());
  c.insert = word.quoted ? rest : escaped_path(rest);
  if (single && !rest.ends_with('/')) {
    if (word.quoted) c.insert += line[begin];
    c.insert += ' ';
  }
  return c;
}

}  // namespace

Completion complete(std::string_view before) {
  try {
    const std::size_t space = before.find_first_of(" \t\n");
    const std::string_view first = before.substr(0, space);
    if (space == std::string_view::npos && first.starts_with('/')) {
      if (Completion c = complete_command(first); !c.candidates.empty()) return c;
    }
    if (first == "/image" || first == "/frames") return complete_path(before, first == "/frames");
    if (is_path_like(last_word(before).word.text)) return complete_path(before, false);
  } catch (const vlmt::Error&) {  // a file: URI of another host
  }
  return {};
}

}  // namespace programs
