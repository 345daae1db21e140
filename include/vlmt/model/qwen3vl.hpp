// The Qwen3-VL family, dense and MoE: the parts that its models are composed of.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/decoder_names.hpp"
#include "vlmt/model/model_pair.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/vision_encoder.hpp"
#include "vlmt/nn/shapes.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/attention_variant.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/op/router.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"

VLMT_BEGIN_NAMESPACE

/// Policies and names only. Derive from it and override aliases, or give functions of the configuration and the layer
/// in their place (nn/parts.hpp): Vlm<M> looks each up in the most derived M.
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

  static constexpr DecoderNames names{};
  /// Reads the configuration of a file. A variant with keys of its own names them here, and has a read_config(file)
  /// that calls this one and reads them.
  static TextConfig read_config(const GgufFile& file, std::span<const std::string_view> own_keys = {}) {
    TextConfig c = read_text_config(file, architectures, own_keys);
    c.deepstack_layers = detail::size_or(file, c.architecture + ".n_deepstack_layers", 0, 0, c.layers);
    read_rope_sections(file, c);
    return c;
  }

  static constexpr bool has_qk_norm = true;
  /// The norms of queries and keys of one layer, from weights (head_dim) each.
  static RmsQkNorm qk_norm(const float* q, const float* k, float eps) noexcept { return {{q, eps}, {k, eps}}; }
  static Rotary rotary(const TextConfig& c) noexcept {
    return {static_cast<std::size_t>(c.rope_sections[1]), static_cast<std::size_t>(c.rope_sections[2])};
  }

  /// The vision encoder on a backend.
  template <class B>
  using Vision = VisionEncoder<B>;
  /// Throws FileError if the mmproj file belongs to another model.
  static void check_pair(const TextConfig& text, const VisionConfig& vision) { vlmt::check_pair(text, vision); }

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
