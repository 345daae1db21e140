// See request.hpp.
#include "request.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/interrupt.hpp"

RequestPlanner::RequestPlanner(const Arguments& a, const Model& model, std::size_t memory, std::size_t threads)
    : max_tokens_(a.max_tokens), thinking_(a.thinking), chosen_context_(a.context == 0) {
  limits_.memory = memory;
  limits_.threads = threads;
  limits_.images.exact = a.exact_images;
  // A size asked for is encoded however long it takes.
  if (a.max_pixels || a.max_image_tokens) return;
  const auto numerics = a.exact ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  limits_.images.seconds = vlmt::encode_estimate(model.vlm(), {.threads = a.threads,
                                                               .numerics = numerics,
                                                               .weights = vlmt::weights_for(numerics),
                                                               .stop_flag = &programs::interrupted});
}

Request RequestPlanner::plan(const Model& model, const vlmt::SessionOptions& options,
                             std::vector<vlmt::ChatMessage> history, vlmt::ChatMessage& message,
                             const std::vector<std::string>& names) const {
  history.push_back(message);
  vlmt::ChatMessage& planned = history.back();
  const vlmt::RequestPlan plan = vlmt::fit_request(model, options, history, history.size() - 1,
                                                   model.chat_options(thinking_), max_tokens_, limits_);
  Request request = report(model, plan);
  vlmt::PatchLayout layout;
  if (const auto* encoder = model.vlm().vision_encoder()) {
    layout = vlmt::vision_preprocess(encoder->config(), options.vision()).layout;
  }
  for (const vlmt::Part& part : planned.parts) {
    if (std::holds_alternative<std::string>(part)) continue;
    const std::size_t i = request.media.size();
    request.media.push_back(
        programs::media_cost(names.at(i), vlmt::media_size(part, options.images), plan.images.images[i], layout));
  }
  message = std::move(planned);
  return request;
}

Request RequestPlanner::plan(const Model& model, const vlmt::SessionOptions& options) const {
  return report(model, vlmt::plan_request(model, options, {}, {.max_tokens = max_tokens_}, limits_));
}

Request RequestPlanner::report(const Model& model, const vlmt::RequestPlan& plan) const {
  Request request;
  request.plan = plan;
  request.facts = {plan.context,       plan.wanted_context, vlmt::trained_context(model.vlm().config()),
                   plan.prompt_tokens, max_tokens_,         chosen_context_};
  return request;
}
