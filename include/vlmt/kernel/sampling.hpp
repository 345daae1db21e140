// Sampling of the next token from logits, in four ops: penalties (if any), one pass over all logits by the team, the
// choice by one member, and log-probabilities (if wanted).
//
// The order is that of the Hugging Face generation code: repetition penalty, presence and frequency penalties,
// temperature, top-k, top-p, min-p, draw. NaN logits count as -inf and +inf as the largest float.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/sampling.hpp"
#include "vlmt/kernel/ref/sampling.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/sampling_types.hpp"

VLMT_BEGIN_NAMESPACE

/// Applies repetition, presence and frequency penalties to the logits of the listed tokens (each listed once) and keeps
/// what stood there in list.saved. Tokens are shared over the team.
inline void penalize(float* logits, const SamplingParams* params, const PenaltyList& list,
                     Member& m = Solo().member()) noexcept {
  const Range mine = m.share(static_cast<std::size_t>(*list.size));
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    float& logit = logits[list.tokens[i]];
    list.saved[i] = logit;
    logit = logit > 0.0f ? logit / params->repetition : logit * params->repetition;
    logit -= params->presence + params->frequency * static_cast<float>(list.counts[i]);
  }
}

/// Takes the penalties back.
inline void restore_logits(float* logits, const PenaltyList& list, Member& m = Solo().member()) noexcept {
  const Range mine = m.share(static_cast<std::size_t>(*list.size));
  for (std::size_t i = mine.begin; i < mine.end; ++i) logits[list.tokens[i]] = list.saved[i];
}

/// The maximum and sum of exponentials of every block of 64 logits, at 1 / temperature, into stats
/// (logit_blocks(vocab)). Blocks are shared over the team.
template <class Arch>
void scan_logits(const float* logits, std::size_t vocab, float inverse_temperature, LogitBlock* stats,
                 Member& m = Solo().member()) noexcept {
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

/// The same at the temperature of params; greedy choice needs no sums, so that they are made at temperature 1.
template <class Arch>
void scan_logits(const float* logits, std::size_t vocab, const SamplingParams* params, LogitBlock* stats,
                 Member& m = Solo().member()) noexcept {
  // Bounded, so that neither 0 * inf nor -inf * 0 can arise.
  const float inverse = params->temperature > 0.0f ? std::clamp(1.0f / params->temperature, 1e-30f, 1e30f) : 1.0f;
  scan_logits<Arch>(logits, vocab, inverse, stats, m);
}

/// Chooses a token from logits scanned at params->temperature; the lowest id wins among equal logits. Uses one number
/// of rng unless temperature <= 0 (greedy). Member 0 does the work, which grows with the number of tokens that survive
/// top-k and top-p, not with the vocabulary. `candidates` has room for vocab entries.
inline void pick_token(const float* logits, std::size_t vocab, const SamplingParams* params, const LogitBlock* stats,
                       TokenLogit* candidates, SamplerRng* rng, SampledToken* out,
                       Member& m = Solo().member()) noexcept {
  if (m.rank() == 0) *out = cpu::pick_token(logits, vocab, *params, stats, candidates, *rng);
}

/// log softmax of the logits at the n most likely tokens, best first, into top (n entries), from logits scanned at
/// 1 / temperature = 1. n <= vocab. Member 0 does the work.
inline void top_log_probs(const float* logits, std::size_t vocab, const LogitBlock* stats, std::size_t n,
                          TokenLogit* candidates, TokenLogit* top, Member& m = Solo().member()) noexcept {
  if (m.rank() == 0) cpu::top_log_probs(logits, vocab, stats, n, candidates, top);
}

/// log softmax of the logits at *token, from logits scanned at 1 / temperature = 1; -inf for a negative token.
inline void token_log_prob(const float* logits, std::size_t vocab, const LogitBlock* stats, const std::int32_t* token,
                           float* out, Member& m = Solo().member()) noexcept {
  if (m.rank() == 0) *out = cpu::token_log_prob(logits, vocab, stats, *token);
}

/// out[i] = log softmax(logits[i, :])[targets[i]] for n rows of `vocab` logits: scoring of given text. Rows are shared
/// over the team.
template <class Arch>
void score_rows(const float* logits, std::size_t n, std::size_t vocab, const std::int32_t* targets, float* out,
                Member& m = Solo().member()) noexcept {
  const Range rows = m.share(n);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const float* row = logits + r * vocab;
    const auto target = static_cast<std::size_t>(targets[r]);
    if constexpr (is_reference_v<Arch>) {
      out[r] = ref::log_softmax_at(row, vocab, target);
    } else {
      out[r] = cpu::log_softmax_at<Arch>(row, vocab, target);
    }
  }
}

VLMT_END_NAMESPACE
