// Records a step with the model's own code and replays it with a clock between the operations.
#include "recorded_step.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "measurement.hpp"

namespace {

using Clock = std::chrono::steady_clock;

/// The median of some runs of each operation; the first run only warms up.
std::vector<TimedOp> time_each(vlmt::OmpTeam& team, const vlmt::StepRecorder& recorder) {
  constexpr std::size_t runs = 5;
  std::vector<std::vector<double>> ends(recorder.size());
  for (std::size_t run = 0; run <= runs; ++run) {
    team.run([&](vlmt::Member& m) {
      m.barrier();
      Clock::time_point last = Clock::now();
      recorder.replay(m, [&](std::size_t i, vlmt::Member& member) {
        const Clock::time_point now = Clock::now();
        if (member.rank() == 0 && run != 0) ends[i].push_back(std::chrono::duration<double>(now - last).count());
        last = now;
      });
    });
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
                                  const vlmt::DecoderBuffers& buffers, const vlmt::StepSize& size,
                                  vlmt::Numerics numerics) {
  vlmt::StepRecorder recorder;
  vlmt::NoProbe probe;
  model.vlm().decoder().forward(recorder, buffers, size, numerics, probe);
  return time_each(team, recorder);
}

std::vector<TimedOp> time_tower(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                const vlmt::Image& image, const vlmt::VisionOptions& options) {
  const vlmt::VisionEncoder<vlmt::Qwen3VL, vlmt::OmpTeam> encoder(model.vlm(), team, options);
  const vlmt::VisionPatches patches = vlmt::preprocess_image<vlmt::arch::native>(image, encoder.preprocess());
  const auto& tower = *model.vlm().tower();
  const std::size_t n = patches.grid.patches();
  vlmt::Carver count;
  tower.take_buffers(count, n, 1, team.size());
  const vlmt::Buffer scratch(count.bytes());
  vlmt::Carver carver(scratch.data(), scratch.bytes());
  vlmt::TowerBuffers buffers = tower.take_buffers(carver, n, 1, team.size());
  tower.place(patches.grid, patches.values.data(), buffers);
  std::vector<float> features((1 + tower.levels()) * n * tower.config().out_hidden);
  vlmt::StepRecorder recorder;
  vlmt::NoProbe probe;
  tower.forward(recorder, buffers, patches.grid, features.data(), options.numerics, probe);
  return time_each(team, recorder);
}
