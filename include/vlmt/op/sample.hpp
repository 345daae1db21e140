// Choice of the next token, and scores of given text.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/op/sampling_types.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// Chooses a token from logits (vocab): allowed tokens, penalties, temperature, top-k, top-p, min-p, draw. Everything
/// that is pointed at is read when the op runs. Log-probabilities are those at temperature 1 of the allowed tokens,
/// before penalties.
struct Sample {
  float* logits = nullptr;  ///< changed by the mask and by penalties
  std::size_t vocab = 0;
  const std::uint32_t* allowed = nullptr;  ///< bit t % 32 of word t / 32: token t may be chosen; null: all may
  const SamplingParams* params = nullptr;
  PenaltyList penalties;
  bool penalised = false;
  LogitBlock* blocks = nullptr;      ///< (logit_blocks(vocab)): scratch
  TokenLogit* candidates = nullptr;  ///< (vocab): scratch
  SamplerRng* rng = nullptr;
  SampledToken* sampled = nullptr;
  float* log_prob = nullptr;  ///< of the chosen token; null if not wanted
  TokenLogit* top = nullptr;  ///< (top_size): the most likely tokens with their log-probabilities
  std::size_t top_size = 0;
};

/// out[i] = log softmax(logits[i])[targets[i]], logits (rows, vocab).
struct Score {
  const float* logits = nullptr;
  std::size_t rows = 0;
  std::size_t vocab = 0;
  const std::int32_t* targets = nullptr;
  float* out = nullptr;
};

}  // namespace op

VLMT_END_NAMESPACE
