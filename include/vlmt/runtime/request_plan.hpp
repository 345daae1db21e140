// What a request will take before it runs: the context, the sizes of its images, and the memory. The programs that
// answer and those that only tell use the same functions, so they cannot differ.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/context_size.hpp"
#include "vlmt/runtime/image_budget.hpp"
#include "vlmt/runtime/plan.hpp"
#include "vlmt/runtime/prompt_size.hpp"
#include "vlmt/runtime/session.hpp"
#include "vlmt/runtime/vision_runner.hpp"

VLMT_BEGIN_NAMESPACE

/// Sizes of a request: its new images and videos, and the tokens of everything else.
struct RequestSize {
  std::size_t tokens = 0;         ///< of the prompt without the new images
  std::size_t visual_tokens = 0;  ///< of these, tokens of earlier images
  std::vector<MediaSize> images = {};
  std::size_t max_tokens = 0;  ///< of the answer; 0: until the context is full
};

/// What a request may take.
struct RequestLimits {
  ImageBudget images = {};        ///< room and reserve are set by plan_request()
  std::size_t memory = SIZE_MAX;  ///< bytes; bounds an automatic context
  std::size_t threads = 1;        ///< of the team, for the memory plan
};

/// How a request will run.
struct RequestPlan {
  std::size_t context = 0;
  std::size_t wanted_context = 0;  ///< larger than `context` if memory has lowered an automatic context
  std::size_t prompt_tokens = 0;   ///< images included
  ImageFit images;
  MemoryPlan memory;  ///< with this context and features of all images
};

/// The memory of a session that encodes these images.
template <class M>
MemoryPlan plan_images(const ChatModel<M>& model, const SessionOptions& options, const ImageFit& images,
                       std::size_t threads) {
  std::size_t largest = 0;
  for (const FittedImage& i : images.images) largest = std::max(largest, i.tokens);
  const VisionOf<M>* encoder = model.vlm().vision_encoder();
  const std::size_t token = encoder == nullptr ? 0 : encoder->config().factor() * encoder->config().factor();
  MemoryPlan plan = plan_memory(model, options, largest * token, threads);
  if (largest != 0) {
    const auto& c = encoder->config();
    plan.features = images.tokens * c.out_hidden * (1 + c.deepstack.size()) * sizeof(float);
  }
  return plan;
}

/// Plans a request of a session with these options; `preprocess` is that of its VisionRunner. If options.context is 0,
/// the context is chosen: context_for() the request, less if memory does not allow it, but at least context_step.
/// Images are fitted to `limits` and to the room that the context leaves (fit_images). Whether the plan fits the memory
/// is not checked: see check_fits(). Throws LimitError, InputError.
template <class M>
RequestPlan plan_request(const ChatModel<M>& model, SessionOptions options, const VisionPreprocess& preprocess,
                         const RequestSize& request, const RequestLimits& limits) {
  RequestPlan plan;
  ImageBudget budget = limits.images;
  budget.room.reset();
  if (options.context == 0) {
    const TextConfig& config = model.vlm().config();
    const ImageFit in_time = fit_images(request.images, preprocess, budget);
    plan.wanted_context = context_for(config, request.tokens + in_time.tokens, request.max_tokens);
    const auto fits = [&](std::size_t steps) {
      options.context = std::min(plan.wanted_context, steps * context_step);
      return plan_images(model, options, in_time, limits.threads).total() <= limits.memory;
    };
    // Memory grows with the context: the largest number of steps that fits, or one.
    std::size_t low = 1, high = ceil_div(plan.wanted_context, context_step);
    if (fits(high)) low = high;
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      (fits(middle) ? low : high) = middle;
    }
    options.context = std::min(plan.wanted_context, low * context_step);
  } else {
    plan.wanted_context = options.context;
  }
  plan.context = options.context;
  if (!request.images.empty()) {
    check_prompt_length(request.tokens, request.visual_tokens, plan.context);
    budget.room = plan.context - 1 - request.tokens;  // one token for the answer
    budget.reserve = std::max<std::size_t>(1, answer_reserve(request.max_tokens, plan.context)) - 1;
  }
  plan.images = fit_images(request.images, preprocess, budget);
  plan.prompt_tokens = request.tokens + plan.images.tokens;
  check_prompt_length(plan.prompt_tokens, request.visual_tokens + plan.images.tokens, plan.context);
  plan.memory = plan_images(model, options, plan.images, limits.threads);
  return plan;
}

/// Plans the request that answers `messages`, of which those from `first_new` on are new, and gives its new images
/// their bounds. Throws as measure_prompt() and plan_request().
template <class M>
RequestPlan fit_request(const ChatModel<M>& model, const SessionOptions& options, std::span<ChatMessage> messages,
                        std::size_t first_new, const ChatOptions& chat, std::size_t max_tokens,
                        const RequestLimits& limits) {
  VisionPreprocess preprocess;
  if (const auto* encoder = model.vlm().vision_encoder()) {
    preprocess = vision_preprocess(encoder->config(), options.vision());
  }
  PromptSize size = measure_prompt(model, preprocess, messages, first_new, options.tools, chat, options.images);
  const RequestPlan plan =
      plan_request(model, options, preprocess,
                   {size.text_tokens + size.earlier_tokens, size.earlier_tokens, size.sizes, max_tokens}, limits);
  apply(plan.images, size);
  return plan;
}

VLMT_END_NAMESPACE
