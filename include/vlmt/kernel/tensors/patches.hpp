// From images to features of patches, as tensors: cutting, and the patch convolution.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/patch_embed.hpp"
#include "vlmt/kernel/patchify.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

/// How frames are cut.
struct PatchCut {
  std::size_t patch = 16;                          ///< pixels of the side of a patch
  std::size_t merge = 1;                           ///< patches of the side of a block: blocks come one after the other
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};  ///< of channels in [0, 1]; patches hold (value - mean) / deviation
  std::array<float, 3> deviation = {0.5f, 0.5f, 0.5f};
};

/// out (patches, 3 * times * patch^2) = frames (times, height, width, 3), dense 8-bit RGB, cut and normalised. Height
/// and width are multiples of patch * merge. Values of a patch are ordered (channel, time, row, column). Rows of blocks
/// are split across the team.
template <class Arch = arch::native, TensorArgument F, TensorArgument Out, TensorPlace... Places>
void patchify(const F& frames, const PatchCut& cut, Out&& out, Places&... places) {
  const auto from = detail::typed_input<std::uint8_t, 4>("patchify", "frames", frames);
  const auto to = detail::float_output<2>("patchify", "out", out);
  VLMT_ASSERT_LT("patchify", 0, cut.patch);
  VLMT_ASSERT_LT("patchify", 0, cut.merge);
  const std::size_t times = from.extent(0), rows = from.extent(1) / cut.patch, columns = from.extent(2) / cut.patch;
  detail::assert_sizes("patchify", "frames", from, dynamic, dynamic, dynamic, 3);
  detail::assert_dense("patchify", "frames", from);
  detail::assert_argument("patchify", "frames", from,
                          rows * cut.patch == from.extent(1) && columns * cut.patch == from.extent(2) &&
                              rows % cut.merge == 0 && columns % cut.merge == 0,
                          "height and width that are multiples of patch * merge");
  const std::size_t values = 3 * times * cut.patch * cut.patch;
  detail::assert_sizes("patchify", "out", to, rows * columns, values);
  if (to.count() == 0) return;
  std::vector<float> normalised(3 * 256);
  for (std::size_t i = 0; i < normalised.size(); ++i) {
    const std::size_t c = i / 256;
    normalised[i] = (static_cast<float>(i % 256) / 255.0f - cut.mean[c]) / cut.deviation[c];
  }
  const std::size_t block = cut.merge * columns;  // patches of a row of blocks
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return std::pair(carver.take<float>(members * detail::member_floats(block * values)),
                         carver.take<const std::uint8_t*>(members * times));
      },
      [&](Member& m, const auto& memory) {
        float* copy = memory.first + m.rank() * detail::member_floats(block * values);
        const std::uint8_t** frame = memory.second + m.rank() * times;
        const Range mine = m.share(rows / cut.merge);
        Solo solo;
        for (std::size_t b = mine.begin; b < mine.end; ++b) {
          const std::size_t offset = b * cut.merge * cut.patch * from.extent(2) * 3;
          for (std::size_t t = 0; t < times; ++t) {
            frame[t] = from.data() + t * from.extent(1) * from.extent(2) * 3 + offset;
          }
          patchify(op::Patchify{frame, normalised.data(), cut.merge, columns, cut.patch, times, cut.merge, copy},
                   solo.member());
          for (std::size_t i = 0; i < block; ++i) {
            detail::store_elements<Arch>(copy + i * values, values, to.data() + (b * block + i) * to.stride(0),
                                         to.stride(1));
          }
        }
      },
      places...);
}

/// The weights of a patch convolution in the order in which the kernel reads them, and their memory.
class PatchWeights {
 public:
  PatchWeights() = default;
  /// From weights (outputs, channels, times, side, side) and a bias (outputs).
  template <TensorArgument W, TensorArgument B>
  PatchWeights(const W& weights, const B& bias) {
    const auto w = detail::float_input<5>("PatchWeights", "weights", weights);
    const auto b = detail::float_input<1>("PatchWeights", "bias", bias);
    detail::assert_sizes("PatchWeights", "weights", w, dynamic, dynamic, dynamic, dynamic, w.extent(3));
    detail::assert_sizes("PatchWeights", "bias", b, w.extent(0));
    kernel_ = {nullptr, nullptr, w.extent(0), w.extent(1), w.extent(2), w.extent(3)};
    weights_.resize(kernel_.panels() * PatchKernel::panel * kernel_.values());
    bias_.resize(kernel_.outputs);
    const std::size_t side = kernel_.side;
    for (std::size_t o = 0; o < kernel_.outputs; ++o) {
      bias_[o] = static_cast<float>(b(o));
      for (std::size_t c = 0; c < kernel_.channels; ++c) {
        for (std::size_t i = 0; i < kernel_.times * side * side; ++i) {
          weights_[kernel_.at(o, c, i)] = static_cast<float>(w(o, c, i / (side * side), i / side % side, i % side));
        }
      }
    }
  }

  /// What the raw kernel takes; valid while these weights live.
  PatchKernel kernel() const noexcept {
    PatchKernel k = kernel_;
    k.weight = weights_.data();
    k.bias = bias_.data();
    return k;
  }

 private:
  PatchKernel kernel_;
  std::vector<float> weights_;
  std::vector<float> bias_;
};

/// y (n, outputs) = patches (n, channels * times * side^2) convolved with the weights, as patchify cuts them: see
/// patch_embed in kernel/patch_embed.hpp. Patches are split across the team.
template <class Arch = arch::native, TensorArgument P, TensorArgument Y, TensorPlace... Places>
void patch_embed(const PatchWeights& weights, const P& patches, Y&& y, Places&... places) {
  const PatchKernel w = weights.kernel();
  const auto in = detail::float_input<2>("patch_embed", "patches", patches);
  const auto out = detail::float_output<2>("patch_embed", "y", y);
  detail::assert_sizes("patch_embed", "patches", in, dynamic, w.values());
  detail::assert_sizes("patch_embed", "y", out, in.extent(0), w.outputs);
  constexpr std::size_t group = 64;  // patches that are converted at a time
  const std::size_t n = in.extent(0), groups = ceil_div(n, group);
  struct Memory {
    float* patches;
    float* y;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return Memory{carver.take<float>(members * detail::member_floats(group * w.values())),
                      carver.take<float>(members * detail::member_floats(group * w.outputs))};
      },
      [&](Member& m, const Memory& memory) {
        float* from = memory.patches + m.rank() * detail::member_floats(group * w.values());
        float* to = memory.y + m.rank() * detail::member_floats(group * w.outputs);
        const Range mine = m.share(groups);
        Solo solo;
        for (std::size_t g = mine.begin; g < mine.end; ++g) {
          const std::size_t first = g * group, count = std::min(group, n - first);
          for (std::size_t r = 0; r < count; ++r) {
            detail::load_elements<Arch>(in.data() + (first + r) * in.stride(0), in.stride(1), w.values(),
                                        from + r * w.values());
          }
          patch_embed<Arch>(w, from, count, to, solo.member());
          for (std::size_t r = 0; r < count; ++r) {
            detail::store_elements<Arch>(to + r * w.outputs, w.outputs, out.data() + (first + r) * out.stride(0),
                                         out.stride(1));
          }
        }
      },
      places...);
}

VLMT_END_NAMESPACE
