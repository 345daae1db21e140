// Checks of what callers pass to runners and sessions. They run once per call, before anything is computed or changed.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/model/sequence.hpp"

VLMT_BEGIN_NAMESPACE

/// Bounds of options, beside max_context. Values outside are refused, not adjusted.
inline constexpr std::size_t max_step_rows = 4096;  ///< tokens, or sequences, of one step
inline constexpr std::size_t max_threads = 4096;    ///< of a team that a session makes

/// Returns `value`. Throws InputError unless it is between `least` and `most`.
std::size_t checked_option(const char* field, std::size_t value, std::size_t least, std::size_t most);

/// Throws InputError, naming token and vocabulary: `token` is not an id of one of `vocab` tokens.
[[noreturn]] void refuse_token(int token, std::size_t vocab);

/// Throws InputError unless the embedding of `vocab` rows has one for `token`.
inline void check_token(int token, std::size_t vocab) {
  if (static_cast<std::size_t>(static_cast<unsigned>(token)) >= vocab) refuse_token(token, vocab);
}

/// Throws InputError unless a decoder can compute the cells of `sequence` from `keep` on: token ids (also
/// those that an image keeps free for its features) below `vocab`, and features (levels, tokens, hidden) in memory
/// `space` for every image with cells there.
void check_cells(const Sequence& sequence, std::size_t keep, std::size_t vocab, std::size_t levels, std::size_t hidden,
                 std::string_view space);

#if VLMT_HAS_BODIES

VLMT_BODY std::size_t checked_option(const char* field, std::size_t value, std::size_t least, std::size_t most) {
  if (value < least || value > most) {
    throw InputError("the option is out of range",
                     {{}, {}, field, std::to_string(least) + " to " + std::to_string(most), std::to_string(value)});
  }
  return value;
}

VLMT_BODY void refuse_token(int token, std::size_t vocab) {
  throw InputError(
      "the token is not in the vocabulary",
      {{}, {}, "token", "an id below the " + std::to_string(vocab) + " of the vocabulary", std::to_string(token)});
}

VLMT_BODY void check_cells(const Sequence& sequence, std::size_t keep, std::size_t vocab, std::size_t levels,
                           std::size_t hidden, std::string_view space) {
  for (const int token : sequence.tokens().subspan(keep)) check_token(token, vocab);
  for (const VisualSpan& span : sequence.visuals()) {
    if (span.begin + span.tokens <= keep) continue;
    const VisionFeatures* f = span.features.get();
    if (f == nullptr) {
      throw InputError("an image of the sequence has no features: attach them before it is computed",
                       {{}, {}, "features", {}, "cell " + std::to_string(span.begin)});
    }
    if (f->space != space) {
      throw InputError("the features of an image are not in memory of the model's backend: see features_on()",
                       {{}, {}, "features", std::string(space), std::string(f->space)});
    }
    if (f->width() != hidden || f->levels() != levels || f->tokens() < span.first_row + span.tokens) {
      const auto shape = [](std::size_t l, const std::string& tokens, std::size_t width) {
        return "(" + std::to_string(1 + l) + ", " + tokens + ", " + std::to_string(width) + ")";
      };
      throw InputError("the features of an image do not fit the model",
                       {{},
                        {},
                        "features",
                        shape(levels, "at least " + std::to_string(span.first_row + span.tokens), hidden),
                        shape(f->levels(), std::to_string(f->tokens()), f->width())});
    }
  }
}

#endif

VLMT_END_NAMESPACE
