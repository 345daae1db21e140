// Chooses the format of each tensor of a quantised file: one format for all, or a mixture of llama.cpp ("Q4_K_M") with
// the same choice per tensor, so that files of the same name are comparable.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <vlmt/io/gguf.hpp>
#include <vlmt/quant/formats.hpp>
#include <vlmt/quant/ggml_type.hpp>

namespace programs {

/// A format for most matrices, and formats for the sensitive ones: attention values and the MLP's down projection in
/// some layers, the output head, and attention in models of eight experts, where it is a small part.
struct Mixture {
  enum class Layers : std::uint8_t {
    none,
    first,   ///< attention values of the first four layers, MLPs of the first eighth
    chosen,  ///< the first and the last eighth, and every third layer in between
  };
  std::uint32_t most = 0;
  std::uint32_t sensitive = 0;  ///< format of the sensitive matrices in `layers`
  Layers layers = Layers::none;
  std::uint32_t head = 0;                      ///< output.weight, or the embedding if tied
  bool eight_experts = false;                  ///< attention keys and values as Q8_0 in models of eight experts
  std::optional<std::uint32_t> expert_output;  ///< attention output in models of eight experts
  std::uint32_t file_type = 0;                 ///< general.file_type
};

namespace detail {

struct NamedMixture {
  std::string_view name;
  std::uint32_t most;
  std::uint32_t sensitive;
  Mixture::Layers layers;
  std::uint32_t file_type;
};

inline constexpr std::array<NamedMixture, 4> mixtures = {{
    {"Q4_K_S", vlmt::Q4_K::type_id, vlmt::Q5_K::type_id, Mixture::Layers::first, 14},
    {"Q4_K_M", vlmt::Q4_K::type_id, vlmt::Q6_K::type_id, Mixture::Layers::chosen, 15},
    {"Q5_K_S", vlmt::Q5_K::type_id, vlmt::Q5_K::type_id, Mixture::Layers::none, 16},
    {"Q5_K_M", vlmt::Q5_K::type_id, vlmt::Q6_K::type_id, Mixture::Layers::chosen, 17},
}};

/// general.file_type of a file that is mostly of this format; 1024 ("guessed") if it has no number.
inline std::uint32_t file_type(std::uint32_t type) {
  const std::map<std::uint32_t, std::uint32_t> numbers = {
      {vlmt::F32::type_id, 0},   {vlmt::F16::type_id, 1},     {vlmt::BF16::type_id, 32},   {vlmt::Q4_0::type_id, 2},
      {vlmt::Q4_1::type_id, 3},  {vlmt::Q5_0::type_id, 8},    {vlmt::Q5_1::type_id, 9},    {vlmt::Q8_0::type_id, 7},
      {vlmt::Q2_K::type_id, 10}, {vlmt::Q3_K::type_id, 11},   {vlmt::Q4_K::type_id, 14},   {vlmt::Q5_K::type_id, 16},
      {vlmt::Q6_K::type_id, 18}, {vlmt::IQ4_NL::type_id, 25}, {vlmt::IQ4_XS::type_id, 30}, {vlmt::MXFP4::type_id, 38},
      {vlmt::NVFP4::type_id, 39}};
  const auto found = numbers.find(type);
  return found == numbers.end() ? 1024 : found->second;
}

inline bool in_chosen_layers(std::size_t layer, std::size_t layers) {
  const std::size_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

}  // namespace detail

/// All names that make_mixture() accepts: formats and mixtures.
inline std::vector<std::string> mixture_names() {
  std::vector<std::string> names;
  vlmt::for_each_type(vlmt::formats::all{}, [&](auto tag) { names.emplace_back(decltype(tag)::type::name); });
  for (const auto& m : detail::mixtures) names.emplace_back(m.name);
  return names;
}

/// One format for everything, the head included.
inline Mixture pure_mixture(std::uint32_t type) {
  return {.most = type,
          .sensitive = type,
          .layers = Mixture::Layers::none,
          .head = type,
          .eight_experts = false,
          .expert_output = {},
          .file_type = detail::file_type(type)};
}

/// The formats of llama.cpp's file of this name (a format or a mixture); nothing for an unknown name.
inline std::optional<Mixture> make_mixture(std::string_view name) {
  std::optional<Mixture> mixture;
  if (const auto type = vlmt::find_format(name)) mixture = pure_mixture(*type);
  for (const detail::NamedMixture& m : detail::mixtures) {
    if (m.name != name) continue;
    mixture = {.most = m.most,
               .sensitive = m.sensitive,
               .layers = m.layers,
               .head = m.most,
               .eight_experts = false,
               .expert_output = {},
               .file_type = m.file_type};
    if (m.most == vlmt::Q4_K::type_id) mixture->expert_output = vlmt::Q5_K::type_id;
  }
  const auto quantized = [](std::uint32_t t) {
    return t != vlmt::F32::type_id && t != vlmt::F16::type_id && t != vlmt::BF16::type_id;
  };
  if (mixture && quantized(mixture->most)) {
    if (mixture->most != vlmt::Q8_0::type_id) mixture->head = vlmt::Q6_K::type_id;
    mixture->eight_experts = true;
  }
  return mixture;
}

/// Formats for the tensors of one file.
class MixtureOfFile {
 public:
  MixtureOfFile(const vlmt::GgufFile& file, const Mixture& mixture)
      : mixture_(mixture),
        head_name_(file.find_tensor("output.weight") != nullptr ? "output.weight" : "token_embd.weight") {
    for (const vlmt::GgufTensor& t : file.tensors()) layers_ = std::max(layers_, layer_of(t.name) + 1);
    const std::string arch(file.get_or<std::string_view>("general.architecture", ""));
    eight_experts_ = mixture.eight_experts && file.get_or<std::uint32_t>(arch + ".expert_count", 0) == 8;
  }

  /// The type number for a tensor; its own if it is to be copied.
  std::uint32_t operator()(const vlmt::GgufTensor& t) const {
    return stays(t) ? t.type : fitting(wanted(t.name), t.ne[0]);
  }

 private:
  /// True for tensors that are never quantised: they are small, or too sensitive.
  static bool stays(const vlmt::GgufTensor& t) {
    const std::string_view n = t.name;
    return t.n_dims < 2 || !n.ends_with("weight") || n.ends_with("norm.weight") || n.ends_with("ffn_gate_inp.weight") ||
           n.ends_with("position_embd.weight") || n.find("patch_embd") != std::string_view::npos;
  }

  /// k of "blk.k."; 0 for tensors outside the layers.
  static std::size_t layer_of(std::string_view name) {
    const std::size_t at = name.find("blk.");
    return at == std::string_view::npos ? 0 : std::strtoul(std::string(name.substr(at + 4)).c_str(), nullptr, 10);
  }

  std::uint32_t wanted(std::string_view name) const {
    const auto is = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
    if (name == head_name_) return mixture_.head;
    const std::size_t layer = layer_of(name);
    const bool values = is("attn_v.weight") || is("attn_qkv.weight");
    if (eight_experts_ && (values || is("attn_k.weight"))) return vlmt::Q8_0::type_id;
    if (eight_experts_ && mixture_.expert_output && is("attn_output.weight")) return *mixture_.expert_output;
    if (mixture_.layers == Mixture::Layers::chosen && (values || is("ffn_down")) &&
        detail::in_chosen_layers(layer, layers_)) {
      return mixture_.sensitive;
    }
    if (mixture_.layers == Mixture::Layers::first &&
        ((values && layer < 4) || (is("ffn_down") && layer < layers_ / 8))) {
      return mixture_.sensitive;
    }
    return mixture_.most;
  }

  /// `wanted` if rows of `columns` values are whole blocks of it, else its substitute, else F16.
  static std::uint32_t fitting(std::uint32_t wanted, std::uint64_t columns) {
    const auto fits = [columns](std::uint32_t type) { return columns % vlmt::ggml_type_info(type).values == 0; };
    if (fits(wanted)) return wanted;
    const std::map<std::uint32_t, std::uint32_t> substitutes = {
        {vlmt::Q4_K::type_id, vlmt::Q5_0::type_id},   {vlmt::Q5_K::type_id, vlmt::Q5_1::type_id},
        {vlmt::Q6_K::type_id, vlmt::Q8_0::type_id},   {vlmt::Q2_K::type_id, vlmt::Q4_0::type_id},
        {vlmt::Q3_K::type_id, vlmt::Q4_0::type_id},   {vlmt::IQ4_XS::type_id, vlmt::IQ4_NL::type_id},
        {vlmt::NVFP4::type_id, vlmt::MXFP4::type_id},
    };
    const auto found = substitutes.find(wanted);
    if (found != substitutes.end() && fits(found->second)) return found->second;
    return vlmt::F16::type_id;
  }

  Mixture mixture_;
  std::string_view head_name_;
  std::size_t layers_ = 0;
  bool eight_experts_ = false;
};

}  // namespace programs
