// The size of the context where the user gives none, and how much of it an answer keeps.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/model/text_config.hpp"

VLMT_BEGIN_NAMESPACE

/// The default context of a model trained for at least as many tokens.
inline constexpr std::size_t usual_context = 8192;
/// Automatic contexts are multiples of this, or the model's trained context.
inline constexpr std::size_t context_step = 1024;
/// The largest context of a Runner.
inline constexpr std::size_t max_context = std::size_t{1} << 24;

/// The largest context chosen automatically: what the model was trained for.
inline std::size_t trained_context(const TextConfig& c) noexcept {
  return std::min(c.context, max_context);
}

/// The context of a session whose options give none: usual_context, but never more than the model was trained for.
inline std::size_t default_context(const TextConfig& c) noexcept {
  return std::min(usual_context, trained_context(c));
}

/// Tokens of a context that images leave to the answer: `max_tokens` (0: no limit), at most a quarter of the context.
inline std::size_t answer_reserve(std::size_t max_tokens, std::size_t context) noexcept {
  const std::size_t quarter = context / 4;
  return max_tokens == 0 ? quarter : std::min(max_tokens, quarter);
}

/// The context for a prompt of `prompt` tokens and an answer of `max_tokens` (0: no limit, a quarter of the context):
/// default_context(), or the next multiple of context_step that holds both, but never more than trained_context().
inline std::size_t context_for(const TextConfig& c, std::size_t prompt, std::size_t max_tokens) noexcept {
  const std::size_t most = trained_context(c);
  if (prompt >= most || max_tokens >= most) return most;
  const std::size_t needed = prompt + (max_tokens == 0 ? prompt / 3 : max_tokens) + 1;
  if (needed <= default_context(c)) return default_context(c);
  return std::min(round_up(needed, context_step), most);
}

/// Throws LimitError unless a prompt of `tokens`, `visual` of them for images, leaves room for an answer.
inline void check_prompt_length(std::size_t tokens, std::size_t visual, std::size_t context) {
  if (tokens < context) return;
  throw LimitError("the prompt has " + std::to_string(tokens) + " tokens (" + std::to_string(visual) +
                       " from images); the context holds " + std::to_string(context) + ", answer included",
                   {.field = "context"});
}

VLMT_END_NAMESPACE
