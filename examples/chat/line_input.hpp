// Lines of a conversation, from standard input.
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// A line from standard input; nothing at end of file. An empty line after Ctrl-C.
std::optional<std::string> read_line();

/// Without white space at both ends.
std::string trimmed(std::string_view text);
