// Scalar reference of sampling: statistics of logits, and the distribution of the draw by sorting the whole vocabulary.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/op/sampling_types.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// Maximum of n logits and sum of exp((logit - max) * inverse_temperature).
inline LogitBlock scan_block(const float* logits, std::size_t n, float inverse_temperature) noexcept {
  LogitBlock block;
  for (std::size_t i = 0; i < n; ++i) block.max = std::max(block.max, sanitise_logit(logits[i]));
  if (block.max == -std::numeric_limits<float>::infinity()) return block;
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double distance = static_cast<double>(sanitise_logit(logits[i])) - static_cast<double>(block.max);
    sum += std::exp(distance * static_cast<double>(inverse_temperature));
  }
  block.sum = static_cast<float>(sum);
  return block;
}

/// log softmax(logits)[target].
inline float log_softmax_at(const float* logits, std::size_t vocab, std::size_t target) noexcept {
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < vocab; ++i) most = std::fmax(most, static_cast<double>(sanitise_logit(logits[i])));
  double sum = 0.0;
  for (std::size_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(sanitise_logit(logits[i])) - most);
  return static_cast<float>(static_cast<double>(sanitise_logit(logits[target])) - most - std::log(sum));
}

/// Writes the tokens that survive top-k, top-p and min-p with their probabilities to `out` (room for vocab entries),
/// most likely first; returns their number. params.temperature > 0.
inline std::size_t surviving_tokens(const float* logits, std::size_t vocab, const SamplingParams& params,
                                    TokenLogit* out) noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i < vocab; ++i) {
    const float value = sanitise_logit(logits[i]);
    if (value > -std::numeric_limits<float>::infinity()) out[n++] = {value, static_cast<std::int32_t>(i)};
  }
  std::sort(out, out + n, [](const TokenLogit& a, const TokenLogit& b) {
    return a.value != b.value ? a.value > b.value : a.token < b.token;
  });
  if (params.top_k > 0) n = std::min(n, static_cast<std::size_t>(params.top_k));
  if (n == 0) return 0;
  const double most = static_cast<double>(out[0].value);
  const auto weight = [&](std::size_t i) {
    return std::exp((static_cast<double>(out[i].value) - most) / static_cast<double>(params.temperature));
  };
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) total += weight(i);
  if (params.top_p < 1.0f) {
    double sum = 0.0;
    std::size_t kept = 0;
    while (kept < n && (kept == 0 || sum < static_cast<double>(params.top_p) * total)) sum += weight(kept++);
    n = kept;
  }
  if (params.min_p > 0.0f) {
    while (n > 1 && weight(n - 1) < static_cast<double>(params.min_p)) --n;
  }
  double kept_total = 0.0;
  for (std::size_t i = 0; i < n; ++i) kept_total += weight(i);
  for (std::size_t i = n; i-- > 0;) out[i].value = static_cast<float>(weight(i) / kept_total);
  return n;
}

}  // namespace ref

VLMT_END_NAMESPACE
