// The memory plan of a model for a context and an image, from the files' headers.
#include <optional>
#include <string>

#include <vlmt/vlmt.hpp>

#include "contents.hpp"

namespace inspect {

namespace {

std::optional<std::uint32_t> cache_format(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return vlmt::find_format<vlmt::formats::cache>(name);
}

}  // namespace

Plan make_plan(const PlanRequest& r) {
  const auto chat = vlmt::ChatModel<vlmt::Qwen3VL>::open(r.model, r.mmproj, vlmt::weights_for(vlmt::Numerics::fast));
  const auto& model = chat.vlm();
  vlmt::SessionOptions options;
  options.context = r.context;
  options.chunk = r.chunk;
  options.key_format = cache_format(r.key_format);
  options.value_format = cache_format(r.value_format);
  vlmt::OmpTeam team = r.threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(r.threads);
  Plan plan;
  std::size_t pixels = 0;
  if (r.image_width != 0) {
    if (model.vision_encoder() == nullptr) throw vlmt::InputError("--image needs the mmproj file of the model");
    const vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision(model, team);
    const vlmt::PatchLayout& layout = vision.preprocess().layout;
    const vlmt::PatchGrid grid = vlmt::image_grid(r.image_height, r.image_width, vision.preprocess());
    plan.resized_width = static_cast<std::size_t>(grid.w * layout.patch);
    plan.resized_height = static_cast<std::size_t>(grid.h * layout.patch);
    plan.image_tokens = grid.tokens(layout.merge);
    pixels = plan.resized_width * plan.resized_height;
  }
  const vlmt::MemoryPlan bytes = vlmt::plan_memory(chat, options, pixels, team.size());
  plan.weights = bytes.weights;
  plan.tokenizer = bytes.tokenizer;
  plan.kv_cache = bytes.kv_cache;
  plan.workspace = bytes.workspace;
  plan.vision = bytes.vision;
  plan.features = bytes.features;
  plan.total = bytes.total();
  plan.available = vlmt::available_memory();
  return plan;
}

}  // namespace inspect
