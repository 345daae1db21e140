// What helps where the context or -n ends an answer or a conversation.
#pragma once

#include <cstddef>
#include <string>

#include <vlmt/runtime/session.hpp>

#include "arguments.hpp"

/// Sizes in tokens.
struct ContextSize {
  std::size_t context = 0;
  std::size_t trained = 0;  ///< longest sequence that the model was trained on
};

/// Why the answer was cut and what allows more, without a line feed; empty if it was not cut.
std::string cut_advice(vlmt::FinishReason finish, const Arguments& arguments, const ContextSize& size);

/// What to do in a conversation whose next message does not fit. `has_history`: /reset makes room.
std::string full_advice(bool has_history, const ContextSize& size);
