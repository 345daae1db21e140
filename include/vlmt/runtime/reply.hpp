// What a session answers: text, tokens, reason of the end, times and counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/runtime/sampler.hpp"

VLMT_BEGIN_NAMESPACE

enum class FinishReason : std::uint8_t {
  stop,         ///< the model ended its turn
  stop_string,  ///< a stop string was found
  length,       ///< max_tokens was reached
  context,      ///< the context is full
  cancelled,    ///< on_text or on_reasoning returned false, or the stop flag was set
};

constexpr std::string_view name(FinishReason r) noexcept {
  switch (r) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    default:
      return "cancelled";
  }
}

/// Times and counts of one answer.
struct ReplyStats {
  std::size_t prompt_tokens = 0;  ///< of the whole rendered conversation
  std::size_t cached_tokens = 0;  ///< prompt tokens taken from the KV cache
  std::size_t visual_tokens = 0;  ///< prompt tokens of images and videos
  std::size_t images = 0;         ///< and videos encoded or found in the feature cache
  double vision_seconds = 0.0;    ///< rendering, decoding files, resizing and encoding
  double prefill_seconds = 0.0;
  double first_token_seconds = 0.0;  ///< from the call to the first token
  double decode_seconds = 0.0;       ///< from the first token to the last
};

/// One answer. `raw` is the text of all `tokens`, tags included; `reasoning` and `text` are its two parts.
struct Reply {
  std::string text;       ///< the answer alone
  std::string reasoning;  ///< the thoughts before it; `text` is empty if the output ended inside them
  std::string raw;
  std::vector<int> tokens;
  FinishReason finish = FinishReason::stop;
  std::vector<TokenLogProb> log_probs;  ///< of each token, if requested
  ReplyStats stats;
};

VLMT_END_NAMESPACE
