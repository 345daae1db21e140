// Completion of commands and paths in a conversation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace programs {

struct Completion {
  std::string insert;                   ///< what all candidates have in common after what was typed
  std::vector<std::string> candidates;  ///< names to show, sorted
};

/// Completes the end of `before`, the line up to the cursor: a command at its start, or the path of an image or of a
/// folder after /image, /frames or where a word is a path by its beginning.
Completion complete(std::string_view before);

}  // namespace programs
