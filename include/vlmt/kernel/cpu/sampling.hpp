// Sampling on the CPU: SIMD statistics per block of logits, and a choice that reads only the blocks that matter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"
#include "vlmt/op/sampling_types.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

namespace detail {

/// sanitise_logit of every lane.
template <class Arch>
VLMT_INLINE simd::Floats<Arch> sane_logits(simd::Floats<Arch> x) noexcept {
  using F = simd::Floats<Arch>;
  return min(F(std::numeric_limits<float>::max()), select(x == x, x, F(-std::numeric_limits<float>::infinity())));
}

/// Sort order: larger value first, then lower id.
inline bool better(const TokenLogit& a, const TokenLogit& b) noexcept {
  return a.value != b.value ? a.value > b.value : a.token < b.token;
}

/// Largest logit of all blocks; -inf if no logit is a number.
inline float largest_logit(const LogitBlock* stats, std::size_t blocks) noexcept {
  float most = -std::numeric_limits<float>::infinity();
  for (std::size_t b = 0; b < blocks; ++b) most = std::max(most, stats[b].max);
  return most;
}

/// Sum of exp((logit - most) * inverse_temperature) over all logits, from the block statistics, in order.
inline double sum_of_blocks(const LogitBlock* stats, std::size_t blocks, float most,
                            double inverse_temperature) noexcept {
  double sum = 0.0;
  for (std::size_t b = 0; b < blocks; ++b) {
    if (!(stats[b].sum > 0.0f)) continue;
    const double distance = (static_cast<double>(stats[b].max) - static_cast<double>(most)) * inverse_temperature;
    // Blocks below e^-60 of the best cannot change a double sum of at least 1.
    if (distance > -60.0) sum += static_cast<double>(stats[b].sum) * std::exp(distance);
  }
  return sum;
}

/// Writes all tokens with a logit >= threshold (> -inf) to out, ids ascending, and returns their number. Reads only
/// blocks that contain one.
inline std::size_t tokens_from(const float* logits, std::size_t vocab, const LogitBlock* stats, float threshold,
                               TokenLogit* out) noexcept {
  std::size_t n = 0;
  for (std::size_t b = 0; b < logit_blocks(vocab); ++b) {
    if (!(stats[b].max >= threshold)) continue;
    const std::size_t end = std::min(vocab, (b + 1) * logit_block);
    for (std::size_t i = b * logit_block; i < end; ++i) {
      const float value = sanitise_logit(logits[i]);
      if (value >= threshold) out[n++] = {value, static_cast<std::int32_t>(i)};
    }
  }
  return n;
}

/// Writes the `want` best tokens, sorted, to the front of out and returns their number (fewer if fewer logits are
/// numbers). The `want` blocks with the largest maxima hold at least `want` tokens that are not below the smallest of
/// these maxima, so only blocks that reach it are read.
inline std::size_t best_tokens(const float* logits, std::size_t vocab, const LogitBlock* stats, std::size_t want,
                               TokenLogit* out) noexcept {
  constexpr float lowest = -std::numeric_limits<float>::max();
  const std::size_t blocks = logit_blocks(vocab);
  float threshold = lowest;
  if (want < blocks) {
    for (std::size_t b = 0; b < blocks; ++b) out[b] = {stats[b].max, static_cast<std::int32_t>(b)};
    std::nth_element(out, out + (want - 1), out + blocks, better);
    threshold = std::max(lowest, out[want - 1].value);
  }
  const std::size_t found = tokens_from(logits, vocab, stats, threshold, out);
  const std::size_t kept = std::min(want, found);
  if (kept < found) std::nth_element(out, out + kept, out + found, better);
  std::sort(out, out + kept, better);
  return kept;
}

/// Draws a token from the softmax of all logits by u in [0, 1): first the block, then the logit within it.
inline SampledToken draw_from_all(const float* logits, std::size_t vocab, const LogitBlock* stats, float most,
                                  double inverse_temperature, double u) noexcept {
  const std::size_t blocks = logit_blocks(vocab);
  const double total = sum_of_blocks(stats, blocks, most, inverse_temperature);
  const auto weight = [&](float logit) VLMT_INLINE_LAMBDA {
    return std::exp((static_cast<double>(logit) - static_cast<double>(most)) * inverse_temperature);
  };
  const double goal = u * total;
  double sum = 0.0;
  std::size_t block = 0;  // the last one with any weight if rounding leaves the sum short
  for (std::size_t b = 0; b < blocks; ++b) {
    const double w = stats[b].sum > 0.0f ? static_cast<double>(stats[b].sum) * weight(stats[b].max) : 0.0;
    if (!(w > 0.0)) continue;
    block = b;
    if (sum + w > goal) break;
    sum += w;
  }
  std::size_t chosen = block * logit_block;
  double probability = 0.0;
  for (std::size_t i = block * logit_block; i < std::min(vocab, (block + 1) * logit_block); ++i) {
    const double w = weight(sanitise_logit(logits[i]));
    if (!(w > 0.0)) continue;
    chosen = i;
    probability = w / total;
    sum += w;
    if (sum > goal) break;
  }
  return {static_cast<std::int32_t>(chosen), SamplingStatus::Ok, static_cast<std::int32_t>(vocab),
          static_cast<float>(probability)};
}

}  // namespace detail

/// Maximum of n <= logit_block logits and the sum of exp((logit - max) * inverse_temperature).
template <class Arch>
LogitBlock scan_block(const float* logits, std::size_t n, float inverse_temperature) noexcept {
  using F = simd::Floats<Arch>;
  constexpr float lowest = -std::numeric_limits<float>::infinity();
  alignas(64) float block[logit_block];
  F most(lowest);
  for (std::size_t i = 0; i < logit_block; i += F::lanes) {
    F v(lowest);
    if (i + F::lanes <= n) {
      v = detail::sane_logits(F::load(logits + i));
    } else if (i < n) {
      F(lowest).store(block + i);
      std::copy(logits + i, logits + n, block + i);
      v = detail::sane_logits(F::load(block + i));
    }
    v.store(block + i);
    most = max(most, v);
  }
  const float largest = reduce_max(most);
  if (largest == lowest) return {};
  F sum = F::zero();
  for (std::size_t i = 0; i < logit_block; i += F::lanes) {
    sum += exp((F::load(block + i) - F(largest)) * F(inverse_temperature));
  }
  return {largest, reduce_add(sum)};
}

/// log softmax(logits)[target].
template <class Arch>
float log_softmax_at(const float* logits, std::size_t vocab, std::size_t target) noexcept {
  // A running maximum: block statistics are not kept.
  float most = -std::numeric_limits<float>::infinity();
  double sum = 0.0;
  for (std::size_t i = 0; i < vocab; i += logit_block) {
    const LogitBlock block = scan_block<Arch>(logits + i, std::min(logit_block, vocab - i), 1.0f);
    if (!(block.sum > 0.0f)) continue;
    if (block.max > most) {
      sum *= std::exp(static_cast<double>(most) - static_cast<double>(block.max));
      most = block.max;
    }
    sum += static_cast<double>(block.sum) * std::exp(static_cast<double>(block.max) - static_cast<double>(most));
  }
  return static_cast<float>(static_cast<double>(sanitise_logit(logits[target])) - static_cast<double>(most) -
                            std::log(sum));
}

/// See pick_token in kernel/sampling.hpp.
inline SampledToken pick_token(const float* logits, std::size_t vocab, const SamplingParams& params,
                               const LogitBlock* stats, TokenLogit* candidates, SamplerRng& rng) noexcept {
  const std::size_t blocks = logit_blocks(vocab);
  const float most = detail::largest_logit(stats, blocks);
  if (most == -std::numeric_limits<float>::infinity()) return {-1, SamplingStatus::NoFiniteLogit, 0, 0.0f};
  if (!(params.temperature > 0.0f) || params.top_k == 1) {
    detail::tokens_from(logits, vocab, stats, most, candidates);
    return {candidates[0].token, SamplingStatus::Ok, 1, 1.0f};
  }
  const double inverse = 1.0 / static_cast<double>(params.temperature);
  const auto weight = [&](std::size_t i) VLMT_INLINE_LAMBDA {
    return std::exp((static_cast<double>(candidates[i].value) - static_cast<double>(most)) * inverse);
  };
  if (params.top_k <= 0 && !(params.top_p < 1.0f) && !(params.min_p > 0.0f)) {
    return detail::draw_from_all(logits, vocab, stats, most, inverse, rng.uniform());
  }
  const bool limited = params.top_k > 0 && static_cast<std::size_t>(params.top_k) < vocab;
  const bool nucleus = params.top_p < 1.0f;
  std::size_t n = 0;
  double kept = 0.0;  // sum of the weights of candidates[0..n)
  if (!limited && !nucleus) {
    // min-p alone, or a top-k that keeps all tokens, is a threshold on the logit.
    constexpr auto lowest = static_cast<double>(-std::numeric_limits<float>::max());
    double bound = lowest;
    if (params.min_p > 0.0f) {
      bound = static_cast<double>(most) + std::log(static_cast<double>(params.min_p)) / inverse;
    }
    const auto threshold = static_cast<float>(std::clamp(bound, lowest, static_cast<double>(most)));
    n = detail::tokens_from(logits, vocab, stats, threshold, candidates);
    for (std::size_t i = 0; i < n; ++i) kept += weight(i);
  } else {
    // Sorted candidates: top_k of them or, without top-k, eight times more each round until their weights reach top_p.
    double total = limited ? 0.0 : detail::sum_of_blocks(stats, blocks, most, inverse);
    std::size_t want = limited ? static_cast<std::size_t>(params.top_k) : std::min<std::size_t>(64, vocab);
    while (true) {
      const std::size_t found = detail::best_tokens(logits, vocab, stats, want, candidates);
      if (limited) {
        for (std::size_t i = 0; i < found; ++i) total += weight(i);
      }
      const double goal = nucleus ? static_cast<double>(params.top_p) * total : total * 2.0;
      n = 0;
      kept = 0.0;
      while (n < found && (n == 0 || kept < goal)) kept += weight(n++);
      // Float block sums can exceed the true sum, so `kept` may stay below the goal: then all tokens are enough.
      if (limited || kept >= goal || found < want || want == vocab) break;
      want = std::min(vocab, want * 8);
    }
    if (params.min_p > 0.0f) {
      while (n > 1 && weight(n - 1) < static_cast<double>(params.min_p)) kept -= weight(--n);
    }
  }
  // Draw the first candidate at which the running sum exceeds u * kept.
  const double goal = rng.uniform() * kept;
  double sum = 0.0;
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double w = weight(i);
    if (w > 0.0) chosen = i;  // the last one that can be drawn if rounding leaves the sum short
    sum += w;
    if (sum > goal) break;
  }
  return {candidates[chosen].token, SamplingStatus::Ok, static_cast<std::int32_t>(n),
          static_cast<float>(weight(chosen) / kept)};
}

/// See top_log_probs in kernel/sampling.hpp.
inline void top_log_probs(const float* logits, std::size_t vocab, const LogitBlock* stats, std::size_t n,
                          TokenLogit* candidates, TokenLogit* top) noexcept {
  constexpr float lowest = -std::numeric_limits<float>::infinity();
  const std::size_t blocks = logit_blocks(vocab);
  const float most = detail::largest_logit(stats, blocks);
  const std::size_t found = most == lowest || n == 0 ? 0 : detail::best_tokens(logits, vocab, stats, n, candidates);
  const double log_sum = std::log(detail::sum_of_blocks(stats, blocks, most, 1.0));
  for (std::size_t i = 0; i < n; ++i) {
    top[i] = {lowest, -1};
    if (i < found) {
      const double distance = static_cast<double>(candidates[i].value) - static_cast<double>(most);
      top[i] = {static_cast<float>(distance - log_sum), candidates[i].token};
    }
  }
}

/// See token_log_prob in kernel/sampling.hpp.
inline float token_log_prob(const float* logits, std::size_t vocab, const LogitBlock* stats,
                            std::int32_t token) noexcept {
  constexpr float lowest = -std::numeric_limits<float>::infinity();
  const std::size_t blocks = logit_blocks(vocab);
  const float most = detail::largest_logit(stats, blocks);
  if (token < 0 || most == lowest) return lowest;
  const double log_sum = std::log(detail::sum_of_blocks(stats, blocks, most, 1.0));
  return static_cast<float>(static_cast<double>(sanitise_logit(logits[token])) - static_cast<double>(most) - log_sum);
}

}  // namespace cpu

VLMT_END_NAMESPACE
