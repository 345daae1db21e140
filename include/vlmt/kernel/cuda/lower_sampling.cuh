// Lowering of sampling and scoring to CUDA kernels: one block for each row of logits.
//
// Nothing is sorted. Tokens are ordered by keys, larger logits first, then lower ids; the last token that a limit keeps
// has the largest key at which a sum over all better tokens reaches the limit, found bit by bit.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/numeric/bits.hpp"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/op/sample.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// A row of logits, for a block. Every thread of the block must call its members.
struct LogitRow {
  const float* logits;
  std::size_t vocab;

  __device__ double logit(std::size_t i) const noexcept { return static_cast<double>(sanitise_logit(logits[i])); }

  /// Orders tokens: all keys differ, and the larger one is better. 0 for a logit that is not a number.
  __device__ std::uint64_t key(std::size_t i) const noexcept {
    const float x = sanitise_logit(logits[i]);
    if (x == -float_infinity) return 0;
    const auto bits = detail::bits_as<std::uint32_t>(x + 0.0f);  // -0 becomes 0
    const std::uint32_t ascending = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
    return static_cast<std::uint64_t>(ascending) << 32 | id_key(i);
  }
  /// Orders tokens by id, the lowest first.
  static __device__ std::uint64_t id_key(std::size_t i) noexcept { return 0xffffffffu - static_cast<std::uint32_t>(i); }
  static __device__ std::size_t token(std::uint64_t key) noexcept {
    return 0xffffffffu - static_cast<std::uint32_t>(key);
  }

  /// The sum of f(i) over all tokens.
  template <class F>
  __device__ double sum(const F& f) const noexcept {
    double own = 0.0;
    for (std::size_t i = threadIdx.x; i < vocab; i += block_threads) own += f(i);
    return block_reduce(own, Plus{});
  }

  /// The best key below `bound`; 0 if there is none.
  __device__ std::uint64_t best_below(std::uint64_t bound) const noexcept {
    std::uint64_t own = 0;
    for (std::size_t i = threadIdx.x; i < vocab; i += block_threads) {
      const std::uint64_t k = key(i);
      if (k < bound && k > own) own = k;
    }
    return block_reduce(own, Larger{});
  }

  /// The logarithm of the sum of exp(logit - most).
  __device__ double log_sum(double most) const noexcept {
    return log(sum([&](std::size_t i) { return exp(logit(i) - most); }));
  }
};

/// The largest key for which reached(key) holds, where it holds for all smaller ones; 0 if it holds for none.
template <class F>
__device__ std::uint64_t largest_key(const F& reached) {
  std::uint64_t key = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 63; bit != 0; bit >>= 1) {
    if (reached(key | bit)) key |= bit;
  }
  return key;
}

/// See pick_token in kernel/sampling.hpp. Only thread 0 gets the result, and advances `rng`.
__device__ inline SampledToken pick_token(const LogitRow& row, const SamplingParams& params, SamplerRng* rng) {
  const std::uint64_t best = row.best_below(~std::uint64_t{0});
  if (best == 0) return {-1, SamplingStatus::NoFiniteLogit, 0, 0.0f};
  if (!(params.temperature > 0.0f) || params.top_k == 1) {
    return {static_cast<std::int32_t>(LogitRow::token(best)), SamplingStatus::Ok, 1, 1.0f};
  }
  const double most = row.logit(LogitRow::token(best));
  const double inverse = 1.0 / static_cast<double>(params.temperature);
  const auto weight = [&](std::size_t i) { return exp((row.logit(i) - most) * inverse); };
  const auto sum_from = [&](std::uint64_t least, const auto& f) {
    return row.sum([&](std::size_t i) { return row.key(i) != 0 && row.key(i) >= least ? f(i) : 0.0; });
  };
  const auto one = [](std::size_t) { return 1.0; };

  const bool limited = params.top_k > 0 && static_cast<std::size_t>(params.top_k) < row.vocab;
  const bool nucleus = params.top_p < 1.0f;
  std::uint64_t least = 0;
  if (limited) {
    const double k = static_cast<double>(params.top_k);
    least = largest_key([&](std::uint64_t key) { return sum_from(key, one) >= k; });
  }
  if (nucleus) {
    const double goal = static_cast<double>(params.top_p) * sum_from(least, weight);
    const std::uint64_t last =
        largest_key([&](std::uint64_t key) { return key <= best && sum_from(key, weight) >= goal; });
    least = last > least ? last : least;
  }
  const auto kept_weight = [&](std::size_t i) {
    const std::uint64_t key = row.key(i);
    const double w = key != 0 && key >= least ? weight(i) : 0.0;
    return w >= static_cast<double>(params.min_p) || key == best ? w : 0.0;
  };
  const double kept = row.sum(kept_weight);
  const bool all = params.top_k <= 0 && !nucleus && !(params.min_p > 0.0f);
  const double count = all ? static_cast<double>(row.vocab) : row.sum([&](std::size_t i) {
    const std::uint64_t key = row.key(i);
    const bool likely = !(params.min_p > 0.0f) || key == best || weight(i) >= static_cast<double>(params.min_p);
    return key != 0 && key >= least && likely ? 1.0 : 0.0;
  });

  // The first token at which the running sum exceeds the goal; by id where the candidates are not sorted anyway.
  __shared__ double drawn;
  if (threadIdx.x == 0) drawn = rng->uniform();
  __syncthreads();
  const double goal = drawn * kept;
  const bool sorted = limited || nucleus;
  const auto order = [&](std::size_t i) { return sorted ? row.key(i) : LogitRow::id_key(i); };
  std::uint64_t chosen = largest_key([&](std::uint64_t key) {
    return row.sum([&](std::size_t i) { return order(i) >= key ? kept_weight(i) : 0.0; }) > goal;
  });
  // No key 0 is reached where rounding leaves the sum short: the last token with any weight.
  if (chosen == 0) {
    chosen = ~largest_key([&](std::uint64_t key) {
      return row.sum([&](std::size_t i) { return ~order(i) >= key && kept_weight(i) > 0.0 ? 1.0 : 0.0; }) > 0.0;
    });
  }
  const std::size_t token = LogitRow::token(chosen);
  return {static_cast<std::int32_t>(token), SamplingStatus::Ok, static_cast<std::int32_t>(count),
          static_cast<float>(weight(token) / kept)};
}

template <class Op = op::Sample>
__global__ void __launch_bounds__(block_threads) sample_kernel(Op o) {
  const LogitRow row{o.logits, o.vocab};
  if (o.allowed != nullptr) {
    for (std::size_t i = threadIdx.x; i < o.vocab; i += block_threads) {
      if ((o.allowed[i / 32] >> (i % 32) & 1u) == 0) o.logits[i] = -float_infinity;
    }
    __syncthreads();
  }
  if (o.top_size != 0) {
    std::uint64_t key = ~std::uint64_t{0};
    double most = 0.0, log_sum = 0.0;
    for (std::size_t i = 0; i < o.top_size; ++i) {
      key = key == 0 ? 0 : row.best_below(key);
      if (i == 0 && key != 0) {
        most = row.logit(LogitRow::token(key));
        log_sum = row.log_sum(most);
      }
      if (threadIdx.x != 0) continue;
      o.top[i] = {-float_infinity, -1};
      if (key == 0) continue;
      const std::size_t token = LogitRow::token(key);
      o.top[i] = {static_cast<float>(row.logit(token) - most - log_sum), static_cast<std::int32_t>(token)};
    }
  }
  const std::size_t penalised = o.penalised ? static_cast<std::size_t>(*o.penalties.size) : 0;
  for (std::size_t i = threadIdx.x; i < penalised; i += block_threads) {
    float& logit = o.logits[o.penalties.tokens[i]];
    o.penalties.saved[i] = logit;
    logit = logit > 0.0f ? logit / o.params->repetition : logit * o.params->repetition;
    logit -= o.params->presence + o.params->frequency * static_cast<float>(o.penalties.counts[i]);
  }
  __syncthreads();
  const SampledToken sampled = pick_token(row, *o.params, o.rng);
  if (threadIdx.x == 0) *o.sampled = sampled;
  __shared__ std::int32_t token;
  if (threadIdx.x == 0) token = sampled.token;
  __syncthreads();
  if (o.log_prob == nullptr) return;
  for (std::size_t i = threadIdx.x; i < penalised; i += block_threads) {
    o.logits[o.penalties.tokens[i]] = o.penalties.saved[i];
  }
  __syncthreads();
  const std::uint64_t best = row.best_below(~std::uint64_t{0});
  float log_prob = -float_infinity;
  if (token >= 0 && best != 0) {
    const double most = row.logit(LogitRow::token(best));
    log_prob = static_cast<float>(row.logit(static_cast<std::size_t>(token)) - most - row.log_sum(most));
  }
  if (threadIdx.x == 0) *o.log_prob = log_prob;
}

template <class Op = op::Score>
__global__ void __launch_bounds__(block_threads) score_kernel(Op o) {
  const LogitRow row{o.logits + blockIdx.x * o.vocab, o.vocab};
  const std::uint64_t best = row.best_below(~std::uint64_t{0});
  const double most = best == 0 ? 0.0 : row.logit(LogitRow::token(best));
  const double log_sum = row.log_sum(most);
  if (threadIdx.x != 0) return;
  const auto target = static_cast<std::size_t>(o.targets[blockIdx.x]);
  o.out[blockIdx.x] = static_cast<float>(row.logit(target) - most - log_sum);
}

}  // namespace cuda

inline void lower(Cuda, const op::Sample& o, cudaStream_t stream) {
  cuda::sample_kernel<<<1, cuda::block_threads, 0, stream>>>(o);
}

inline void lower(Cuda, const op::Score& o, cudaStream_t stream) {
  if (o.rows == 0) return;
  cuda::score_kernel<<<static_cast<unsigned>(o.rows), cuda::block_threads, 0, stream>>>(o);
}

VLMT_END_NAMESPACE
