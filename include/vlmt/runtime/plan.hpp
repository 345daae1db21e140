// The memory that a model and a session will allocate, computed before weights are read. Weights, KV cache and
// workspace are exact. Decoded images, earlier images in the feature cache and the C library are not counted.
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
#include "vlmt/runtime/vision_runner.hpp"

VLMT_BEGIN_NAMESPACE

/// Bytes of each part.
struct MemoryPlan {
  std::size_t weights = 0;    ///< packed, decoder and vision encoder; 0 if they are mapped from a file
  std::size_t tokenizer = 0;  ///< tables of the vocabulary; 0 in the plan of a Vlm
  std::size_t kv_cache = 0;   ///< at the full context
  std::size_t workspace = 0;  ///< activations of a prefill step, and the sampler
  std::size_t vision = 0;     ///< scratch of the vision encoder for the largest image
  std::size_t features = 0;   ///< of that image
  /// Packed weights in a mapped file. Not in the total: when memory is short, the system may drop these pages and read
  /// them again, at the speed of the disk.
  std::size_t mapped = 0;
  std::size_t total() const noexcept { return weights + tokenizer + kv_cache + workspace + vision + features; }
};

/// Memory of a Vlm and a session with these options on a team of `members` threads, for images of up to `image_pixels`
/// after resizing (0: no images). Needs the files' headers only. Throws LimitError if a size overflows.
template <class M>
MemoryPlan plan_memory(const Vlm<M>& model, const SessionOptions& options, std::size_t image_pixels,
                       std::size_t members) {
  using Arch = typename M::Backend::Arch;
  const RunnerBytes runner = Runner<M, OmpTeam>::bytes(model, options.runner(), members);
  MemoryPlan plan;
  (model.weights_mapped() ? plan.mapped : plan.weights) = model.weight_bytes();
  plan.kv_cache = runner.kv_cache;
  plan.workspace = runner.workspace + Sampler<Arch>::bytes(model.config().vocab, options.context);
  if (model.vision_encoder() != nullptr && image_pixels != 0) {
    const VisionConfig& c = model.vision_encoder()->config();
    plan.vision = VisionRunner<M, OmpTeam>::scratch_bytes(*model.vision_encoder(), image_pixels, members);
    const std::size_t tokens = ceil_div(image_pixels, c.factor() * c.factor());
    plan.features = tokens * c.out_hidden * (1 + c.deepstack.size()) * sizeof(float);
  }
  return plan;
}

/// The same with the tokenizer.
template <class M>
MemoryPlan plan_memory(const ChatModel<M>& model, const SessionOptions& options, std::size_t image_pixels,
                       std::size_t members) {
  MemoryPlan plan = plan_memory(model.vlm(), options, image_pixels, members);
  plan.tokenizer = model.tokenizer().bytes();
  return plan;
}

namespace detail {

inline std::string mebibytes(std::size_t bytes) {
  return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

}  // namespace detail

/// Throws LimitError, listing all parts, if the plan needs more than `limit` bytes.
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
