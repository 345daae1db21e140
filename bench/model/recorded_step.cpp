// Records a step through the model's forward function and replays it with a timer between the operations.
#include "recorded_step.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../../examples/common/interrupt.hpp"
#include "measurement.hpp"

namespace {

using Clock = std::chrono::steady_clock;

/// Median time of each operation over 5 replays, after one warm-up.
std::vector<TimedOp> time_each(vlmt::OmpTeam& team, const vlmt::StepRecorder<>& recorder) {
  constexpr std::size_t runs = 5;
  std::vector<std::vector<double>> ends(recorder.size());
  for (std::size_t run = 0; run <= runs; ++run) {
    const auto replay = [&](vlmt::Member& m) {
      m.barrier();
      Clock::time_point last = Clock::now();
      recorder.replay(m, [&](std::size_t i, vlmt::Member& member) {
        const Clock::time_point now = Clock::now();
        if (member.rank() == 0 && run != 0) ends[i].push_back(std::chrono::duration<double>(now - last).count());
        last = now;
      });
    };
    team.run(replay, &programs::interrupted);
  }
  std::vector<TimedOp> ops;
  double at = 0;
  for (std::size_t i = 0; i < recorder.size(); ++i) {
    ops.push_back({std::string(recorder.name(i)), at, median(ends[i])});
    at += ops.back().seconds;
  }
  return ops;
}

}  // namespace

std::vector<TimedOp> time_decoder(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                  const vlmt::DecoderBuffers<vlmt::Cpu<>>& buffers, const vlmt::StepSize& size,
                                  vlmt::Numerics numerics) {
  vlmt::StepRecorder<> recorder;
  vlmt::NoProbe probe;
  model.vlm().decoder().forward(recorder, buffers, size, numerics, probe);
  return time_each(team, recorder);
}

std::vector<TimedOp> time_vision_encoder(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                         const vlmt::Image& image, const vlmt::VisionOptions& options) {
  const vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision(model.vlm(), team, options);
  const vlmt::VisionPatches patches =
      vlmt::preprocess_image<vlmt::arch::native>(image, vision.preprocess(), &programs::interrupted);
  const auto& encoder = *model.vlm().vision_encoder();
  vlmt::VisionWorkspace<vlmt::VisionEncoder<vlmt::Cpu<>>, vlmt::Cpu<>> workspace;
  workspace.prepare(encoder, patches.grid, team.size());
  std::copy(patches.values.begin(), patches.values.end(), workspace.buffers().patches);
  std::vector<float> features((1 + encoder.levels()) * patches.grid.patches() * encoder.config().out_hidden);
  vlmt::StepRecorder<> recorder;
  vlmt::NoProbe probe;
  encoder.forward(recorder, workspace.buffers(), patches.grid, features.data(), options.numerics, probe);
  return time_each(team, recorder);
}
