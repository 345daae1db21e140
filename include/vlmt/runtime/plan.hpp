// The memory that a model and a session will allocate, computed before weights are read. Weights, KV cache and
// workspace are exact. The feature cache counts as full. Decoded images and the C library are not counted.
#pragma once

#include <concepts>
#include <cstddef>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/memory_plan.hpp"
#include "vlmt/runtime/runner.hpp"
#include "vlmt/runtime/sampler.hpp"
#include "vlmt/runtime/vision_runner.hpp"

VLMT_BEGIN_NAMESPACE

struct SessionOptions;  // in session.hpp, which needs this header

/// Options of a session: what its runner and its vision runner are made from.
template <class O>
concept PlannedOptions = requires(const O& options, const TextConfig& config) {
  { options.runner(config) } -> std::same_as<RunnerOptions>;
  { options.vision() } -> std::same_as<VisionOptions>;
};

/// Memory of a Vlm and a session with these options (SessionOptions) on a team of `members` threads, for images of up
/// to `image_pixels` after resizing (0: no images). Needs the files' headers only. Throws LimitError if a size
/// overflows, InputError for options that a session would refuse.
template <class M, PlannedOptions O = SessionOptions>
MemoryPlan plan_memory(const Vlm<M>& model, const O& options, std::size_t image_pixels, std::size_t members) {
  const RunnerOptions of_runner = options.runner(model.config());
  const RunnerBytes runner = Runner<M, OmpTeam>::bytes(model, of_runner, members);
  MemoryPlan plan;
  (model.weights_mapped() ? plan.mapped : plan.weights) = model.weight_bytes();
  plan.kv_cache = runner.kv_cache;
  plan.workspace = runner.workspace + Sampler<typename M::Backend>::bytes(model.config().vocab, of_runner.context);
  if (model.vision_encoder() != nullptr) plan.feature_cache = options.vision().cache_bytes;
  if (model.vision_encoder() != nullptr && image_pixels != 0) {
    const auto& c = model.vision_encoder()->config();
    plan.vision = VisionRunner<M, OmpTeam>::scratch_bytes(*model.vision_encoder(), image_pixels, members);
    const std::size_t tokens = ceil_div(image_pixels, c.factor() * c.factor());
    plan.features = tokens * c.out_hidden * (1 + c.deepstack.size()) * sizeof(float);
  }
  return plan;
}

/// The same with the tokenizer.
template <class M, PlannedOptions O = SessionOptions>
MemoryPlan plan_memory(const ChatModel<M>& model, const O& options, std::size_t image_pixels, std::size_t members) {
  MemoryPlan plan = plan_memory(model.vlm(), options, image_pixels, members);
  plan.tokenizer = model.tokenizer().bytes();
  return plan;
}

VLMT_END_NAMESPACE
