// Words of a line as a shell reads them, and paths as people type, paste and drop them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace programs {

/// Words as a shell reads them: '...' keeps all, "..." knows the escapes \" and \\, elsewhere a backslash keeps the
/// next character, which white space outside of quotes would end the word.
struct ShellWord {
  std::string text;     ///< without quotes and escapes
  bool quoted = false;  ///< starts with a quote
  bool closed = true;   ///< false: its quote has no end
  std::size_t end = 0;  ///< where it ends in the line
};

/// The word that starts at `at`, which must not be white space.
ShellWord shell_word(std::string_view line, std::size_t at);

/// `path` with ~, ~user and file: URIs resolved. Throws vlmt::InputError for a URI that is not a local file.
std::string expanded_path(const std::string& path);

/// `text` with %XX decoded. Throws vlmt::InputError for a malformed escape and for %00.
std::string percent_decoded(std::string_view text);

/// A path such that shell_word() reads it as one word.
std::string escaped_path(std::string_view path);

/// Without white space at both ends.
std::string trimmed(std::string_view text);

/// The position of the first character from `at` that is not white space, or the end.
std::size_t skip_space(std::string_view line, std::size_t at);

}  // namespace programs
