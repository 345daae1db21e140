// See shell_words.hpp.
#include "shell_words.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <pwd.h>
#include <unistd.h>

#include <vlmt/base/error.hpp>

namespace programs {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(text[i])) != lower[i]) return false;
  }
  return true;
}

/// The path of a file: URI (RFC 8089): file:/path, file:///path or file://localhost/path.
std::string path_of_uri(const std::string& uri) {
  std::string_view rest = std::string_view(uri).substr(5);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::string_view host = rest.substr(0, rest.find('/'));
    if (!host.empty() && !(host.size() == 9 && starts_with_ignoring_case(host, "localhost"))) {
      throw vlmt::InputError("the file is on another host", {.file = uri, .expected = "file:///path"});
    }
    rest.remove_prefix(host.size());
  }
  if (!rest.starts_with('/')) throw vlmt::InputError("is not the URI of a file", {.file = uri});
  return percent_decoded(rest);
}

/// The home folder of a user, of the own if the name is empty; empty if there is none.
std::string home_of(const std::string& user) {
  if (user.empty()) {
    if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  }
  const passwd* entry = user.empty() ? getpwuid(getuid()) : getpwnam(user.c_str());
  return entry == nullptr ? std::string() : entry->pw_dir;
}

}  // namespace

ShellWord shell_word(std::string_view line, std::size_t at) {
  ShellWord word;
  word.quoted = at < line.size() && (line[at] == '\'' || line[at] == '"');
  char quote = '\0';
  std::size_t i = at;
  for (; i < line.size(); ++i) {
    const char c = line[i];
    const bool has_next = i + 1 < line.size();
    if (quote == '\'' && c != '\'') {
      word.text += c;
    } else if (quote == '"' && c == '\\' && has_next && (line[i + 1] == '"' || line[i + 1] == '\\')) {
      word.text += line[++i];
    } else if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word.text += c;
      }
    } else if (is_space(c)) {
      break;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '\\' && has_next) {
      word.text += line[++i];
    } else {
      word.text += c;
    }
  }
  word.closed = quote == '\0';
  word.end = i;
  return word;
}

std::string expanded_path(const std::string& path) {
  if (starts_with_ignoring_case(path, "file:/")) return path_of_uri(path);
  if (!path.starts_with('~')) return path;
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string home = home_of(path.substr(1, slash - 1));
  return home.empty() ? path : home + path.substr(slash);
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      throw vlmt::InputError("the URI has a malformed escape",
                             {.expected = "%01 to %FF", .found = std::string(text.substr(i, 3))});
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string escaped_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (is_space(c) || c == '\'' || c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::size_t skip_space(std::string_view line, std::size_t at) {
  while (at < line.size() && is_space(line[at])) ++at;
  return at;
}

}  // namespace programs
