// The memory that a model and a session will take, exact and before anything is allocated.
#pragma once

#include <cstddef>
#include <string>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/runner.hpp"
#include "vlmt/runtime/sampler.hpp"
#include "vlmt/runtime/session.hpp"
#include "vlmt/runtime/vision_encoder.hpp"

VLMT_BEGIN_NAMESPACE

/// Bytes, part by part.
struct MemoryPlan {
  std::size_t weights = 0;    ///< packed, decoder and tower; 0 if they are mapped from a file
  std::size_t tokenizer = 0;  ///< tables of the vocabulary; 0 in the plan of a network alone
  std::size_t kv_cache = 0;   ///< at the full context
  std::size_t workspace = 0;  ///< activations of a prefill step, sampling
  std::size_t vision = 0;     ///< scratch of the tower for the largest picture
  std::size_t features = 0;   ///< of that picture, and the cache of features
  /// Packed weights in a mapped file, not in the total: the system may drop their pages and read them again, which
  /// keeps the process alive where memory is short, but slows it down to the speed of the disk.
  std::size_t mapped = 0;
  std::size_t total() const noexcept { return weights + tokenizer + kv_cache + workspace + vision + features; }
};

/// What a network takes under a session with these options for pictures of up to `picture_pixels` after resizing (0: no
/// pictures). Needs the files' headers only. Throws LimitError if a size overflows.
template <class M>
MemoryPlan plan_memory(const Vlm<M>& model, const SessionOptions& options, std::size_t picture_pixels,
                       std::size_t members) {
  using Arch = typename M::Backend::Arch;
  const RunnerBytes runner = Runner<M, OmpTeam>::bytes(model, options.runner(), members);
  MemoryPlan plan;
  (model.weights_mapped() ? plan.mapped : plan.weights) = model.weight_bytes();
  plan.kv_cache = runner.kv_cache;
  plan.workspace = runner.workspace + Sampler<Arch>::bytes(model.config().vocab, options.context);
  if (model.tower() != nullptr && picture_pixels != 0) {
    const VisionConfig& c = model.tower()->config();
    plan.vision = VisionEncoder<M, OmpTeam>::scratch_bytes(*model.tower(), picture_pixels, members);
    const std::size_t tokens = ceil_div(picture_pixels, c.factor() * c.factor());
    plan.features = tokens * c.out_hidden * (1 + c.deepstack.size()) * sizeof(float);
  }
  return plan;
}

/// The same with the model's tokenizer.
template <class M>
MemoryPlan plan_memory(const ChatModel<M>& model, const SessionOptions& options, std::size_t picture_pixels,
                       std::size_t members) {
  MemoryPlan plan = plan_memory(model.vlm(), options, picture_pixels, members);
  plan.tokenizer = model.tokenizer().bytes();
  return plan;
}

namespace detail {

inline std::string mebibytes(std::size_t bytes) {
  return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

}  // namespace detail

/// Throws LimitError, with all numbers, if the plan needs more than `limit` bytes.
inline void check_fits(const MemoryPlan& plan, std::size_t limit) {
  if (plan.total() <= limit) return;
  using detail::mebibytes;
  throw LimitError("the model and the session do not fit into memory: weights " + mebibytes(plan.weights) +
                       ", tokenizer " + mebibytes(plan.tokenizer) + ", KV cache " + mebibytes(plan.kv_cache) +
                       ", workspace " + mebibytes(plan.workspace) + ", vision " +
                       mebibytes(plan.vision + plan.features),
                   {{}, {}, "memory", "at most " + mebibytes(limit), mebibytes(plan.total())});
}

VLMT_END_NAMESPACE
