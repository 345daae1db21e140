// How long this machine takes to encode an image: measured once on a part of the vision encoder, kept on disk, and
// scaled by operations.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <time.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/base/version.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/processors.hpp"
#include "vlmt/exec/step_now.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/model/vision_encoder.hpp"
#include "vlmt/model/vision_features.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/model/weight_loader.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/model/work.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/quant/ggml_type.hpp"
#include "vlmt/runtime/kept_speeds.hpp"
#include "vlmt/runtime/vision_workspace.hpp"

VLMT_BEGIN_NAMESPACE

/// How a vision encoder runs, as far as it changes its speed.
struct VisionSpeedOptions {
  std::size_t threads = 0;  ///< 0: all
  Numerics numerics = Numerics::fast;
  WeightOptions weights = weights_for(Numerics::fast);
  std::string file = vision_speed_file();  ///< where speeds are kept; empty: nowhere
  const StopFlag* stop_flag = nullptr;     ///< ends a measurement: it throws Cancelled
};

/// Estimated seconds to encode a grid of patches.
inline double encode_seconds(const VisionSpeed& speed, const VisionConfig& c, const PatchGrid& grid) noexcept {
  const double attention = vision_attention_operations(c, grid);
  return (vision_operations(c, grid) - attention) / speed.linear + attention / speed.attention;
}

namespace detail {

/// Processor time of the calling thread in seconds. Other processes that take turns on the processor do not count.
inline double thread_seconds() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct alignas(64) StepSeconds {
  double linear = 0.0;
  double attention = 0.0;
};

/// Runs ops as StepNow does, and adds up the processor time of attention and of all other ops. Waiting at barriers does
/// not count, so a busy machine gives nearly the times of an idle one.
template <class B>
class TimedStep {
 public:
  using Backend = B;
  TimedStep(Member& member, StepSeconds& seconds) noexcept : member_(&member), seconds_(&seconds) {}

  template <class Op>
  void operator()(const Op& op) {
    (*this)({}, op);
  }
  template <class Op>
  void operator()(std::string_view name, const Op& op) {
    double& seconds = name == "vision attention" ? seconds_->attention : seconds_->linear;
    run_op<B>(op, [&](const auto& pass) {
      B::pass(*member_, [&](Member& m) {
        const double start = thread_seconds();
        pass(m);
        seconds += thread_seconds() - start;
      });
    });
  }

 private:
  Member* member_;
  StepSeconds* seconds_;
};

}  // namespace detail

/// Measures a vision encoder's speed on `team`: loads its first block and its merger from `mmproj` and runs an image of
/// 256 tokens a few times. Takes some tenths of a second and about 60 MiB for the encoder of a 2B model on two
/// processors. Throws FileError, DeviceError, and Cancelled soon after `stop` is set.
template <class M, Team T>
VisionSpeed measure_vision_speed(const GgufFile& mmproj, const std::optional<std::uint32_t>& format, Numerics numerics,
                                 T& team, const StopFlag* stop = nullptr) {
  using Backend = typename M::Backend;
  using Clock = std::chrono::steady_clock;
  require_processor<typename Backend::Arch>();
  auto config = VisionOf<M>::read_config(mmproj);
  config.depth = 1;
  config.deepstack.clear();
  LoaderOf<Backend, typename M::Formats> loader;
  VisionOf<M> encoder(config, WeightSource(mmproj), loader, format);
  const auto weights = loader.load(team, {}, stop);

  const int side = 16 * static_cast<int>(config.merge);
  const PatchGrid grid{1, side, side};
  VisionWorkspace<VisionOf<M>, Backend> workspace;
  workspace.prepare(encoder, grid, team.size());
  std::vector<float> patches(grid.patches() * config.patch_values());
  for (std::size_t i = 0; i < patches.size(); ++i) patches[i] = static_cast<float>(i * 37 % 255) / 127.0f - 1.0f;
  Backend::put(workspace.buffers().patches, patches.data(), patches.size() * sizeof(float));
  const auto features = make_features<Backend>(0, grid.tokens(static_cast<int>(config.merge)), config.out_hidden);

  const std::size_t processors = usable_processors(OmpTeam::processors()).usable;
  // The fastest of four runs, of two where the processor is slow. The first run also faults in the memory.
  NoProbe probe;
  detail::StepSeconds best{1e30, 1e30};
  const Clock::time_point start = Clock::now();
  for (int run = 0; run < 4 && (run < 2 || Clock::now() - start < std::chrono::seconds(2)); ++run) {
    std::vector<detail::StepSeconds> each(team.size());
    std::size_t members = 1;
    const auto encode = [&](Member& m) {
      if (m.rank() == 0) members = m.size();
      detail::TimedStep<Backend> step(m, each[m.rank()]);
      encoder.forward(step, workspace.buffers(), grid, features.data(), numerics, probe);
    };
    team.run(encode, stop);
    detail::StepSeconds sum;
    for (const auto& s : each) {
      sum.linear += s.linear;
      sum.attention += s.attention;
    }
    // More threads than processors take turns.
    const auto at_once = static_cast<double>(std::min(members, processors));
    best.linear = std::min(best.linear, sum.linear / at_once);
    best.attention = std::min(best.attention, sum.attention / at_once);
  }
  const double attention = vision_attention_operations(config, grid);
  // A clock too coarse for a tiny encoder must not give infinite speeds.
  return {(vision_operations(config, grid) - attention) / std::max(best.linear, 1e-7),
          attention / std::max(best.attention, 1e-7)};
}

/// What a measured speed depends on, as the key under which it is kept.
template <class M>
std::string vision_speed_key(const GgufFile& mmproj, const VisionSpeedOptions& o, std::size_t threads) {
  const auto c = VisionOf<M>::read_config(mmproj);
  const auto number = [](const char* what, std::size_t n) {
    return std::string(", ") + what + " " + std::to_string(n);
  };
  const auto type = [](std::uint32_t id) {
    const std::string_view known = ggml_type_info(id).name;
    return known.empty() ? "type " + std::to_string(id) : std::string(known);
  };
  return processor_name() + ", " + std::string(M::Backend::Arch::name) + number("threads", threads) +
         number("hidden", c.hidden) + number("heads", c.heads) + number("ffn", c.ffn) + number("patch", c.patch) +
         number("merge", c.merge) + number("output", c.out_hidden) + ", weights " +
         type(mmproj.require_tensor("v.blk.0.attn_qkv.weight").type) +
         (o.weights.vision_format ? " as " + type(*o.weights.vision_format) : "") +
         (o.numerics == Numerics::fast ? ", fast" : ", exact") + ", vlmt " VLMT_VERSION_STRING;
}

/// The speed of a vision encoder on this machine, kept or measured now. `mmproj` is its file, which is opened again: no
/// model need be loaded. Throws FileError, and Cancelled soon after options.stop_flag is set.
template <class M>
VisionSpeed vision_speed(const std::string& mmproj, const VisionSpeedOptions& options) {
  OmpTeam team = options.threads == 0 ? OmpTeam() : OmpTeam(options.threads);
  const GgufFile file = GgufFile::open(mmproj);
  const std::string key = vision_speed_key<M>(file, options, team.size());
  if (const auto kept = find_vision_speed(options.file, key)) return *kept;
  const VisionSpeed speed =
      measure_vision_speed<M>(file, options.weights.vision_format, options.numerics, team, options.stop_flag);
  keep_vision_speed(options.file, key, speed);
  return speed;
}

/// ImageBudget::seconds for a model: finds or measures the speed on the first call. Empty for a text-only model.
template <class M>
std::function<double(const PatchGrid&)> encode_estimate(const Vlm<M>& model, const VisionSpeedOptions& options) {
  if (model.vision_encoder() == nullptr) return {};
  return [config = model.vision_encoder()->config(), options,
          speed = std::make_shared<std::optional<VisionSpeed>>()](const PatchGrid& grid) {
    if (!*speed) *speed = vision_speed<M>(config.file, options);
    return encode_seconds(**speed, config, grid);
  };
}

VLMT_END_NAMESPACE
