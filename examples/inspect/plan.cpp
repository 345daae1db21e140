// The memory plan of a model for a context and an image, from the files' headers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/threads.hpp"
#include "contents.hpp"

namespace inspect {

namespace {

std::optional<std::uint32_t> cache_format(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return vlmt::find_format<vlmt::formats::cache>(name);
}

}  // namespace

Plan make_plan(const PlanRequest& r) {
  const vlmt::WeightOptions weights = vlmt::weights_for(vlmt::Numerics::fast);
  const auto model = vlmt::ChatModel<vlmt::Qwen3VL>::open(r.model, r.mmproj, weights);
  vlmt::SessionOptions options;
  options.context = r.context;
  options.chunk = r.chunk;
  options.key_format = cache_format(r.key_format);
  options.value_format = cache_format(r.value_format);
  const vlmt::OmpTeam team(programs::thread_count(r.threads, "vlmt-inspect"));
  Plan plan;
  const vlmt::MemoryLimit limit = vlmt::memory_limit();
  plan.available = limit.bytes;
  plan.limit = limit.name;
  vlmt::RequestLimits limits;
  limits.memory = plan.available;
  limits.threads = team.size();
  vlmt::RequestSize request;
  request.max_tokens = r.max_tokens;
  vlmt::VisionPreprocess preprocess;
  vlmt::Message message{vlmt::Role::user, {}, {}, {}};
  std::vector<std::vector<double>> times;
  if (r.image_width != 0) {
    const auto* encoder = model.vlm().vision_encoder();
    if (encoder == nullptr) throw vlmt::InputError("--image needs the mmproj file of the model");
    const std::size_t factor = encoder->config().factor();
    if (r.max_image_tokens != 0) {
      options.max_pixels = r.max_image_tokens * factor * factor;
      options.min_pixels = std::min<std::uint64_t>(*options.max_pixels, encoder->config().min_pixels);
    } else {
      limits.images.seconds = vlmt::encode_estimate(model.vlm(), {.threads = r.threads, .weights = weights});
    }
    preprocess = vlmt::vision_preprocess(encoder->config(), options.vision());
    request.images = {{r.image_width, r.image_height, r.frames}};
    message.parts = {r.frames == 0 ? vlmt::ContentPart::image() : vlmt::ContentPart::video()};
    if (r.frames != 0) {
      const vlmt::PatchGrid grid = vlmt::media_grid(request.images[0], preprocess);
      times.emplace_back(static_cast<std::size_t>(grid.t));
    }
  }
  request.tokens =
      vlmt::text_tokens(model, vlmt::detail::render_messages(model, {&message, 1}, times, {}, model.chat_options()));
  const vlmt::RequestPlan p = vlmt::plan_request(model, options, preprocess, request, limits);
  if (!request.images.empty()) {
    plan.image = programs::media_cost("image", request.images[0], p.images.images[0], preprocess.layout);
  }
  plan.context = {p.context,       p.wanted_context, vlmt::trained_context(model.vlm().config()),
                  p.prompt_tokens, r.max_tokens,     r.context == 0};
  plan.bytes = programs::plan_bytes(p.memory);
  return plan;
}

}  // namespace inspect
