// Lowering of the choice and grouping of experts to CUDA kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/backend_types.cuh"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/numeric/float_limits.hpp"
#include "vlmt/op/experts.hpp"
#include "vlmt/op/router.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Scores of one row of router logits in place, by a block.
template <class Scores>
__device__ void router_scores(float* x, std::size_t experts) {
  static_assert(ScoresOf<Scores, float>,
                "vlmt: router scores need a static bool normalized and template <class V> static VLMT_HD V apply(V "
                "logit) or apply(V logit, V most), noexcept; see op/router.hpp");
  float most = -float_max;
  if constexpr (scores_need_most_v<Scores>) {
    for (std::size_t e = threadIdx.x; e < experts; e += block_threads) most = x[e] > most ? x[e] : most;
    most = block_reduce(most, Larger{});
  }
  float sum = 0.0f;
  for (std::size_t e = threadIdx.x; e < experts; e += block_threads) {
    if constexpr (scores_need_most_v<Scores>) {
      x[e] = Scores::apply(x[e], most);
    } else {
      x[e] = Scores::apply(x[e]);
    }
    sum += x[e];
  }
  if constexpr (Scores::normalized) {
    sum = block_reduce(sum, Plus{});
    for (std::size_t e = threadIdx.x; e < experts; e += block_threads) x[e] /= sum;
  }
  __syncthreads();
}

/// An expert that may be chosen.
struct ScoredExpert {
  float score;
  std::int32_t expert;  ///< -1: none
};

/// The better of two: of higher score, then of lower index. A score of NaN ranks lowest.
struct BetterExpert {
  __device__ ScoredExpert operator()(ScoredExpert a, ScoredExpert b) const noexcept {
    if (a.expert < 0) return b;
    if (b.expert < 0) return a;
    if (a.score > b.score || (b.score != b.score && a.score == a.score)) return a;
    if (b.score > a.score || (a.score != a.score && b.score == b.score)) return b;
    return a.expert < b.expert ? a : b;
  }
};

/// True for an expert of the groups that are used: the best, by the sum of their two highest biased scores.
template <class Router>
__device__ bool in_used_group(const Router& router, const float* scores, std::size_t experts, std::size_t expert) {
  if (router.groups == 1) return true;
  const std::size_t size = experts / router.groups;
  const auto sum = [&](std::size_t g) {
    float first = -float_infinity, second = -float_infinity;
    for (std::size_t e = g * size; e < (g + 1) * size; ++e) {
      float x = router.bias == nullptr ? scores[e] : scores[e] + router.bias[e];
      if (!(x > -float_max)) x = -float_max;
      second = x > first ? first : x > second ? x : second;
      first = x > first ? x : first;
    }
    return size == 1 ? first : first + second;
  };
  const std::size_t own = expert / size;
  const float of_own = sum(own);
  std::size_t better = 0;
  for (std::size_t g = 0; g < router.groups; ++g) {
    const float other = sum(g);
    better += other > of_own || (other == of_own && g < own) ? 1 : 0;
  }
  return better < router.groups_used;
}

/// One row in a block: the `used` best experts, one after the other.
template <class Router>
__global__ void __launch_bounds__(block_threads) route_kernel(op::Route<Router> o) {
  const std::size_t t = blockIdx.x;
  float* scores = o.logits + t * o.experts;
  std::int32_t* ids = o.ids + t * o.used;
  float* weights = o.weights + t * o.used;
  router_scores<typename Router::Scores>(scores, o.experts);
  double sum = 0.0;
  for (std::size_t j = 0; j < o.used; ++j) {
    ScoredExpert best{0.0f, -1};
    for (std::size_t e = threadIdx.x; e < o.experts; e += block_threads) {
      bool taken = false;
      for (std::size_t i = 0; i < j; ++i) taken = taken || ids[i] == static_cast<std::int32_t>(e);
      float score = scores[e];
      if constexpr (requires { o.router.groups_used; }) {
        taken = taken || !in_used_group(o.router, scores, o.experts, e);
        if (o.router.bias != nullptr) score += o.router.bias[e];
      }
      if (!taken) best = BetterExpert{}(best, {score, static_cast<std::int32_t>(e)});
    }
    best = block_reduce(best, BetterExpert{});
    const float weight = scores[best.expert];
    if (threadIdx.x == 0) {
      ids[j] = best.expert;
      weights[j] = weight;
    }
    sum += static_cast<double>(weight);
    __syncthreads();
  }
  double factor = 1.0;
  if constexpr (requires { o.router.groups_used; }) factor = static_cast<double>(o.router.scale);
  for (std::size_t j = threadIdx.x; j < o.used; j += block_threads) {
    const double w = static_cast<double>(weights[j]);
    const double share = !Router::renormalize ? w : sum > 0.0 ? w / sum : 0.0;
    weights[j] = static_cast<float>(share * factor);
  }
}

/// One block. Each thread counts and writes the choices of its experts, so that tokens keep their order.
template <class Op = op::Group>
__global__ void __launch_bounds__(block_threads) group_kernel(Op o) {
  const std::size_t choices = o.rows * o.used;
  for (std::size_t e = threadIdx.x; e < o.groups.experts; e += block_threads) {
    std::int32_t before = 0;
    for (std::size_t i = 0; i < choices; ++i) before += o.ids[i] < static_cast<std::int32_t>(e) ? 1 : 0;
    o.groups.offsets[e] = before;
    for (std::size_t i = 0; i < choices; ++i) {
      if (o.ids[i] != static_cast<std::int32_t>(e)) continue;
      o.groups.tokens[before] = static_cast<std::int32_t>(i / o.used);
      o.groups.positions[i] = before++;
    }
  }
  if (threadIdx.x == 0) o.groups.offsets[o.groups.experts] = static_cast<std::int32_t>(choices);
}

}  // namespace cuda

template <class Router>
void lower(Cuda, const op::Route<Router>& o, cudaStream_t stream) {
  static_assert(
      requires { typename Router::Scores; },
      "vlmt: a router with a loop of its own runs on the CPU only; for CUDA write its scores as arithmetic, see "
      "TopKRouter in op/router.hpp");
  if (o.rows == 0) return;
  cuda::route_kernel<<<static_cast<unsigned>(o.rows), cuda::block_threads, 0, stream>>>(o);
}

inline void lower(Cuda, const op::Group& o, cudaStream_t stream) {
  cuda::group_kernel<<<1, cuda::block_threads, 0, stream>>>(o);
}

VLMT_END_NAMESPACE
