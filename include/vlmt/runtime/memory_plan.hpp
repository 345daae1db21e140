// The memory of a model and a session, part by part, and the check that it fits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/runtime/available_memory.hpp"

VLMT_BEGIN_NAMESPACE

/// Bytes of each part.
struct MemoryPlan {
  std::size_t weights = 0;        ///< packed, decoder and vision encoder; 0 if they are mapped from a file
  std::size_t tokenizer = 0;      ///< tables of the vocabulary; 0 in the plan of a Vlm
  std::size_t kv_cache = 0;       ///< at the full context
  std::size_t workspace = 0;      ///< activations of a prefill step, and the sampler
  std::size_t vision = 0;         ///< scratch of the vision encoder for the largest image
  std::size_t features = 0;       ///< of that image
  std::size_t feature_cache = 0;  ///< features of earlier images, when the cache is full; 0 without a vision encoder
  /// Packed weights in a mapped file. Not in the total: when memory is short, the system may drop these pages and read
  /// them again, at the speed of the disk.
  std::size_t mapped = 0;
  std::size_t total() const noexcept {
    return weights + tokenizer + kv_cache + workspace + vision + features + feature_cache;
  }
};

/// Throws LimitError, listing all parts and the limit, if the plan needs more than `limit`.
void check_fits(const MemoryPlan& plan, const MemoryLimit& limit);
inline void check_fits(const MemoryPlan& plan, std::size_t limit) {
  check_fits(plan, MemoryLimit{limit, {}});
}

/// Throws LimitError if a session or a runner with this plan, the weights included, does not fit: into the budget that
/// the model was loaded with or, without one, beside the loaded weights into the memory that is available now.
template <class M>
void check_fits_beside(const Vlm<M>& model, const MemoryPlan& plan) {
  if (model.budget().limit) return check_fits(plan, *model.budget().limit);
  MemoryLimit limit = memory_limit();
  // Weights and tokenizer are part of the plan, but no longer of the memory that is available.
  const std::size_t held = model.loaded() ? plan.weights + plan.tokenizer : 0;
  limit.bytes = limit.bytes > SIZE_MAX - held ? SIZE_MAX : limit.bytes + held;
  check_fits(plan, limit);
}

#if VLMT_HAS_BODIES

VLMT_BODY void check_fits(const MemoryPlan& plan, const MemoryLimit& limit) {
  if (plan.total() <= limit.bytes) return;
  const auto mebibytes = [](std::size_t bytes) { return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB"; };
  throw LimitError("the model and the session do not fit into memory: weights " + mebibytes(plan.weights) +
                       ", tokenizer " + mebibytes(plan.tokenizer) + ", KV cache " + mebibytes(plan.kv_cache) +
                       ", workspace " + mebibytes(plan.workspace) + ", vision " +
                       mebibytes(plan.vision + plan.features) + ", feature cache " + mebibytes(plan.feature_cache),
                   {{},
                    {},
                    "memory",
                    "at most " + mebibytes(limit.bytes) + (limit.name.empty() ? "" : ", limit: " + limit.name),
                    mebibytes(plan.total())});
}

#endif

VLMT_END_NAMESPACE
