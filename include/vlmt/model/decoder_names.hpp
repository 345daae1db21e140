// Names of a decoder's tensors in files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// The names of GGUF files. Names of a layer follow its prefix: layer(3, attention_norm) is "blk.3.attn_norm.weight". A
/// family whose files have others derives from it and sets what differs.
struct DecoderNames {
  std::string_view embedding = "token_embd.weight";
  std::string_view final_norm = "output_norm.weight";
  std::string_view head = "output.weight";
  std::string_view layer_prefix = "blk.";
  std::string_view attention_norm = "attn_norm.weight";
  std::string_view q_norm = "attn_q_norm.weight";
  std::string_view k_norm = "attn_k_norm.weight";
  std::string_view qkv = "attn_qkv.weight";  ///< queries, keys and values in one tensor
  std::string_view qkv_bias = "attn_qkv.bias";
  std::string_view q = "attn_q.weight";
  std::string_view q_bias = "attn_q.bias";
  std::string_view k = "attn_k.weight";
  std::string_view k_bias = "attn_k.bias";
  std::string_view v = "attn_v.weight";
  std::string_view v_bias = "attn_v.bias";
  std::string_view attention_out = "attn_output.weight";
  std::string_view mlp_norm = "ffn_norm.weight";
  std::string_view gate = "ffn_gate.weight";
  std::string_view up = "ffn_up.weight";
  std::string_view down = "ffn_down.weight";
  std::string_view router = "ffn_gate_inp.weight";
  std::string_view expert_gate = "ffn_gate_exps.weight";
  std::string_view expert_up = "ffn_up_exps.weight";
  std::string_view expert_down = "ffn_down_exps.weight";

  std::string layer(std::size_t l, std::string_view name) const {
    return std::string(layer_prefix) + std::to_string(l) + "." + std::string(name);
  }
};

VLMT_END_NAMESPACE
