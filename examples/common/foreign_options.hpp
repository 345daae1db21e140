// Options of other programs of the field, llama.cpp's above all, that people type out of habit: understood, ignored
// with a line, or answered with our option.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace programs {

struct ForeignOption {
  enum class Kind {
    alias,             ///< `text` is our option
    ignored,           ///< a flag that changes nothing here; `text` says why
    ignored_value,     ///< the same with a value
    ignored_optional,  ///< the same; the next argument is its value if it is on, off, auto, 0 or 1
    refused            ///< would change results; `text` says what to do instead
  };
  Kind kind;
  std::string_view text;
};

/// The meaning of an option of another program; nothing if it is unknown.
std::optional<ForeignOption> find_foreign_option(std::string_view name);

}  // namespace programs
