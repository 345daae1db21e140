// Data types of sampling: parameters, random numbers, statistics and results.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/float_limits.hpp"

VLMT_BEGIN_NAMESPACE

/// How a token is chosen. The defaults draw from the plain softmax.
struct SamplingParams {
  float temperature = 1.0f;  ///< <= 0: the most likely token
  std::int32_t top_k = 0;    ///< keep the k most likely tokens; 0: all
  float top_p = 1.0f;        ///< then the fewest most likely tokens that sum to at least top_p; >= 1: all
  float min_p = 0.0f;        ///< then tokens at least min_p times as likely as the best; 0: all
  float repetition = 1.0f;   ///< divides positive logits of seen tokens, multiplies negative ones
  float presence = 0.0f;     ///< subtracted from the logits of seen tokens
  float frequency = 0.0f;    ///< subtracted once per occurrence of a seen token
};

/// Counter-based random numbers, the same on every platform: the output function of SplitMix64 (Steele et al., 2014).
struct SamplerRng {
  std::uint64_t seed = 0;
  std::uint64_t counter = 0;

  VLMT_HD constexpr std::uint64_t next() noexcept {
    std::uint64_t z = mix(seed) + ++counter * 0x9e3779b97f4a7c15u;
    return mix(z);
  }
  /// Uniform in [0, 1), 53 bits.
  VLMT_HD constexpr double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  static VLMT_HD constexpr std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

/// Tokens that penalties apply to, each once. Non-owning arrays in the workspace, read when the op runs.
struct PenaltyList {
  const std::int32_t* tokens = nullptr;
  const std::int32_t* counts = nullptr;  ///< occurrences of each
  float* saved = nullptr;                ///< logits without penalties, written by `penalize`
  const std::int32_t* size = nullptr;    ///< number of tokens
};

/// Words of a mask of `vocab` tokens.
constexpr std::size_t mask_words(std::size_t vocab) noexcept {
  return (vocab + 31) / 32;
}

/// Logits per block of statistics.
inline constexpr std::size_t logit_block = 64;
/// Blocks per vocabulary.
constexpr std::size_t logit_blocks(std::size_t vocab) noexcept {
  return (vocab + logit_block - 1) / logit_block;
}

/// Maximum of a block's logits (-inf if none is a number) and sum of exp((logit - max) / temperature).
struct LogitBlock {
  float max = -float_infinity;
  float sum = 0.0f;
};

/// A token and its logit or log-probability.
struct TokenLogit {
  float value = 0.0f;
  std::int32_t token = -1;
};

enum class SamplingStatus : std::int32_t {
  Ok = 0,
  NoFiniteLogit = 1,  ///< every logit was NaN or -inf
};

struct SampledToken {
  std::int32_t token = -1;
  SamplingStatus status = SamplingStatus::Ok;
  std::int32_t candidates = 0;  ///< tokens in the draw: 1 if greedy, the vocabulary size if none was cut
  float probability = 0.0f;     ///< of the token among the candidates
};

/// A logit as sampling uses it: NaN becomes -inf, +inf the largest float.
VLMT_HD constexpr float sanitise_logit(float x) noexcept {
  return !(x == x) ? -float_infinity : x < float_max ? x : float_max;
}

VLMT_END_NAMESPACE
