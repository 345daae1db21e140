// See experts.hpp.
#include "experts.hpp"

#include <cstdint>
#include <utility>

#include <vlmt/vlmt.hpp>

#include "media.hpp"

namespace eval {
namespace {

/// A probe (vlmt/nn/probe.hpp) that adds up router weights.
struct ExpertCounter {
  ExpertUse* use;

  void router(std::size_t layer, vlmt::TensorView<const std::int32_t, 2> experts,
              vlmt::TensorView<const float, 2> weights) const {
    for (std::size_t token = 0; token < experts.extent(0); ++token) {
      for (std::size_t k = 0; k < experts.extent(1); ++k) {
        (*use)[layer][static_cast<std::size_t>(experts(token, k))] += static_cast<double>(weights(token, k));
      }
    }
  }
};

}  // namespace

ExpertUse measure_expert_use(const std::string& model_file, const std::string& mmproj,
                             const std::vector<programs::TaskItem>& items, const AnsweringOptions& options) {
  auto model = vlmt::ChatModel<vlmt::Qwen3VL>::open(model_file, mmproj);
  vlmt::OmpTeam all = options.threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(options.threads);
  vlmt::OmpTeam team(questions_at_once(all.size(), model.vlm().weight_bytes()) > 1 ? 1 : all.size());
  model.load(all, {}, options.stop);
  const vlmt::TextConfig& config = model.vlm().config();
  ExpertUse use(config.layers, std::vector<double>(config.experts));
  vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision(model.vlm(), team);
  vlmt::Runner<vlmt::Qwen3VL, vlmt::OmpTeam, ExpertCounter> runner(model.vlm(), team, {.context = options.context},
                                                                   ExpertCounter{&use});
  const vlmt::ImageOptions images = options.image_options();
  const MediaMaker media({}, vision.preprocess(), images);
  for (const programs::TaskItem& item : items) {
    std::vector<vlmt::ChatMessage> messages = media.messages(item);
    vlmt::Prompt prompt = vlmt::build_prompt(model, vision, messages, {}, {}, images);
    vlmt::attach_features(vision, prompt, 0, images, [](std::size_t, std::size_t, double) {});
    runner.truncate(0);
    runner.feed(
        prompt.sequence, [](std::size_t, std::size_t) {}, options.stop);
  }
  return use;
}

}  // namespace eval
