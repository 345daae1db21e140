// Sampling of the next token from logits, in steps: mask and penalties (optional), one pass over all logits by the
// team, the choice by one member, log-probabilities (optional).
//
// The order is repetition penalty, presence and frequency penalties, temperature, top-k, top-p, min-p, draw: that of
// the Hugging Face generation code, which has no presence and frequency penalties. NaN logits count as -inf, +inf as
// the largest float.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/sampling.hpp"
#include "vlmt/kernel/ref/sampling.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/op/sampling_types.hpp"

VLMT_BEGIN_NAMESPACE

/// Sets the logits of tokens to -inf whose bit in `allowed` is 0: bit t % 32 of word t / 32. Words are split across the
/// team.
inline void mask_logits(float* logits, std::size_t vocab, const std::uint32_t* allowed, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("mask_logits", logits);
  VLMT_ASSERT_SET("mask_logits", allowed);
  const Range words = m.share(mask_words(vocab));
  for (std::size_t w = words.begin; w < words.end; ++w) {
    if (allowed[w] == ~std::uint32_t{0}) continue;
    const std::size_t first = w * 32;
    for (std::size_t i = 0; i < 32 && first + i < vocab; ++i) {
      if ((allowed[w] >> i & 1u) == 0) logits[first + i] = -float_infinity;
    }
  }
}

/// Applies repetition, presence and frequency penalties to the logits of the listed tokens (each listed once) and saves
/// the old logits in list.saved. Tokens are split across the team.
inline void penalize(float* logits, const SamplingParams* params, const PenaltyList& list,
                     Member& m = Solo().member()) {
  VLMT_ASSERT_SET("penalize", logits);
  VLMT_ASSERT_SET("penalize", params);
  VLMT_ASSERT_SET("penalize", list.size);
  VLMT_ASSERT_LE("penalize", 0, *list.size);
  const Range mine = m.share(static_cast<std::size_t>(*list.size));
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    float& logit = logits[list.tokens[i]];
    list.saved[i] = logit;
    logit = logit > 0.0f ? logit / params->repetition : logit * params->repetition;
    logit -= params->presence + params->frequency * static_cast<float>(list.counts[i]);
  }
}

/// Restores the logits that `penalize` saved.
inline void restore_logits(float* logits, const PenaltyList& list, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("restore_logits", logits);
  VLMT_ASSERT_SET("restore_logits", list.size);
  VLMT_ASSERT_LE("restore_logits", 0, *list.size);
  const Range mine = m.share(static_cast<std::size_t>(*list.size));
  for (std::size_t i = mine.begin; i < mine.end; ++i) logits[list.tokens[i]] = list.saved[i];
}

/// stats (logit_blocks(vocab)) = maximum and sum of exponentials of every block of 64 logits, at 1 / temperature.
/// Blocks are split across the team.
template <class Arch>
void scan_logits(const float* logits, std::size_t vocab, float inverse_temperature, LogitBlock* stats,
                 Member& m = Solo().member()) {
  VLMT_ASSERT_SET("scan_logits", logits);
  VLMT_ASSERT_SET("scan_logits", stats);
  const Range blocks = m.share(logit_blocks(vocab));
  for (std::size_t b = blocks.begin; b < blocks.end; ++b) {
    const std::size_t first = b * logit_block;
    const std::size_t n = vocab - first < logit_block ? vocab - first : logit_block;
    if constexpr (is_reference_v<Arch>) {
      stats[b] = ref::scan_block(logits + first, n, inverse_temperature);
    } else {
      stats[b] = cpu::scan_block<Arch>(logits + first, n, inverse_temperature);
    }
  }
}

/// The same at params->temperature, or at temperature 1 for a greedy choice (temperature <= 0), which does not use the
/// sums.
template <class Arch>
void scan_logits(const float* logits, std::size_t vocab, const SamplingParams* params, LogitBlock* stats,
                 Member& m = Solo().member()) {
  VLMT_ASSERT_SET("scan_logits", params);
  // Clamped, so that neither 0 * inf nor -inf * 0 can arise.
  const float inverse = params->temperature > 0.0f ? std::clamp(1.0f / params->temperature, 1e-30f, 1e30f) : 1.0f;
  scan_logits<Arch>(logits, vocab, inverse, stats, m);
}

/// Chooses a token from logits scanned at params->temperature; ties go to the lowest id. Draws one number from rng, but
/// none if the choice is greedy (temperature <= 0 or top_k == 1) or if no logit is a number. Member 0 does the work. It
/// reads the statistics of all blocks, but only the logits of blocks that can matter. `candidates` must have room for
/// vocab entries.
inline void pick_token(const float* logits, std::size_t vocab, const SamplingParams* params, const LogitBlock* stats,
                       TokenLogit* candidates, SamplerRng* rng, SampledToken* out, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("pick_token", logits);
  VLMT_ASSERT_SET("pick_token", params);
  VLMT_ASSERT_SET("pick_token", stats);
  VLMT_ASSERT_SET("pick_token", candidates);
  VLMT_ASSERT_SET("pick_token", rng);
  VLMT_ASSERT_SET("pick_token", out);
  if (m.rank() == 0) *out = cpu::pick_token(logits, vocab, *params, stats, candidates, *rng);
}

/// top (n) = the n most likely tokens with the log softmax of their logits, best first; {-inf, -1} past the last token
/// whose logit is a number. Needs logits scanned at 1 / temperature = 1; n <= vocab. `candidates` must have room for
/// vocab entries. Member 0 does the work.
inline void top_log_probs(const float* logits, std::size_t vocab, const LogitBlock* stats, std::size_t n,
                          TokenLogit* candidates, TokenLogit* top, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("top_log_probs", logits);
  VLMT_ASSERT_SET("top_log_probs", stats);
  VLMT_ASSERT_LE("top_log_probs", n, vocab);
  if (n != 0) {
    VLMT_ASSERT_SET("top_log_probs", candidates);
    VLMT_ASSERT_SET("top_log_probs", top);
  }
  if (m.rank() == 0) cpu::top_log_probs(logits, vocab, stats, n, candidates, top);
}

/// *out = log softmax(logits)[*token], from logits scanned at 1 / temperature = 1; -inf for a negative token. Member 0
/// does the work.
inline void token_log_prob(const float* logits, std::size_t vocab, const LogitBlock* stats, const std::int32_t* token,
                           float* out, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("token_log_prob", logits);
  VLMT_ASSERT_SET("token_log_prob", stats);
  VLMT_ASSERT_SET("token_log_prob", token);
  VLMT_ASSERT_SET("token_log_prob", out);
  VLMT_ASSERT_LT("token_log_prob", *token, vocab);
  if (m.rank() == 0) *out = cpu::token_log_prob(logits, vocab, stats, *token);
}

/// out[i] = log softmax(logits[i, :])[targets[i]], logits (n, vocab): scores given text. Rows are split across the
/// team.
template <class Arch>
void score_rows(const float* logits, std::size_t n, std::size_t vocab, const std::int32_t* targets, float* out,
                Member& m = Solo().member()) {
  if (n != 0) {
    VLMT_ASSERT_SET("score_rows", logits);
    VLMT_ASSERT_SET("score_rows", targets);
    VLMT_ASSERT_SET("score_rows", out);
  }
  const Range rows = m.share(n);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const float* row = logits + r * vocab;
    VLMT_ASSERT_LE("score_rows", 0, targets[r]);
    VLMT_ASSERT_LT("score_rows", targets[r], vocab);
    const auto target = static_cast<std::size_t>(targets[r]);
    if constexpr (is_reference_v<Arch>) {
      out[r] = ref::log_softmax_at(row, vocab, target);
    } else {
      out[r] = cpu::log_softmax_at<Arch>(row, vocab, target);
    }
  }
}

VLMT_END_NAMESPACE
