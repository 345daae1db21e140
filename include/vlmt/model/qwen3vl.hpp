// The Qwen3-VL family, dense and MoE: the parts that its models are composed of.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/op/router.hpp"
#include "vlmt/nn/shapes.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"

VLMT_BEGIN_NAMESPACE

/// Policies and names only. Derive from it and override aliases: Vlm<M> looks every alias up in the most derived M.
struct Qwen3VL {
  static constexpr std::array<std::string_view, 2> architectures{"qwen3vl", "qwen3vlmoe"};

  using Backend = Cpu<>;         ///< backend and arch of the kernels
  using Formats = formats::all;  ///< weight formats that files may have
  using Shapes = DynamicShapes;  ///< sizes: read from the file, or constants
  using Norm = RmsNorm;          ///< norm of the residual stream, constructed as Norm{weight, eps}
  using Attention = CausalAttention;
  using Rotary = RopeInterleaved3d;
  using Activation = Silu;      ///< activation of gated MLPs
  using Router = TopKRouter<>;  ///< router of MoE layers
  using KvFormat = F16;         ///< default format of the KV cache; a session may choose another

  static constexpr bool has_qk_norm = true;
  /// The norms of queries and keys of one layer, from weights (head_dim) each.
  static RmsQkNorm qk_norm(const float* q, const float* k, float eps) noexcept { return {{q, eps}, {k, eps}}; }
  static Rotary rotary(const TextConfig& c) noexcept {
    return {static_cast<std::size_t>(c.rope_sections[1]), static_cast<std::size_t>(c.rope_sections[2])};
  }

  using Template = Qwen3VLTemplate;  ///< chat template
  // Control tokens that the family relies on.
  static constexpr std::string_view image_token = "<|image_pad|>";
  static constexpr std::string_view video_token = "<|video_pad|>";
  static constexpr std::array<std::string_view, 2> stop_tokens{"<|im_end|>", "<|endoftext|>"};
};

/// M with all sizes fixed at compile time: Fixed<Qwen3VL, shapes::qwen3vl_2b>. Files of other sizes are rejected.
template <class M, class S>
struct Fixed : M {
  using Shapes = S;
};

/// M on another backend: OnBackend<Qwen3VL, Cpu<arch::avx2>>.
template <class M, class B>
struct OnBackend : M {
  using Backend = B;
};

VLMT_END_NAMESPACE
