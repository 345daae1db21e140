// Keys and tensors of a model file that would change its results and that vlmt does not read. Such a file is refused by
// the name of what is unread: it would load, and answer wrongly without a word.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// Throws FileError for a model in one file as Ollama keeps them, with the vision encoder inside.
void check_one_file_model(const GgufFile& file, const std::string& architecture);

/// Throws FileError for a key of the decoder that would change its results, such as rope.scaling.factor, unless its
/// value changes nothing or it is one of `read`, names without the architecture. `head_dim` and `context` are those of
/// the file.
void check_unread_keys(const GgufFile& file, const std::string& architecture, std::size_t head_dim, std::size_t context,
                       std::span<const std::string_view> read = {});

/// The same for an mmproj file.
void check_unread_vision_keys(const GgufFile& file);

/// A warning for the user about keys of the decoder that are neither read nor known to change nothing; empty if none.
std::string unknown_keys_warning(const GgufFile& file, const std::string& architecture,
                                 std::span<const std::string_view> read = {});

#if VLMT_HAS_BODIES

namespace detail {

/// A key that is not read, without its prefix, and the values with which it changes nothing; bool counts as 0 or 1.
struct UnreadKey {
  std::string_view name;
  int neutral = 0;
  int also_neutral = 0;
};

// The names are those of llama.cpp's gguf-py/gguf/constants.py. A scale of 0 is "none" there.
inline constexpr UnreadKey unread_keys[] = {
    {"attention.causal", 1, 1},
    {"attention.clamp_kqv"},
    {"attention.kv_lora_rank"},
    {"attention.max_alibi_bias"},
    {"attention.output_scale", 0, 1},
    {"attention.q_lora_rank"},
    {"attention.shared_kv_layers"},
    {"attention.sliding_window_pattern", 0, 1},
    {"attention.temperature_length"},
    {"attention.temperature_scale"},
    {"attn_logit_softcapping"},
    {"embedding_scale", 0, 1},
    {"expert_gating_func", 0, 1},  // 1: softmax
    {"expert_group_count", 0, 1},
    {"expert_group_used_count", 0, 1},
    {"expert_shared_count"},
    {"expert_shared_feed_forward_length"},
    {"expert_weights_norm", 1, 1},
    {"expert_weights_scale", 0, 1},
    {"final_logit_softcapping"},
    {"full_attention_interval", 0, 1},
    {"interleave_moe_layer_step", 0, 1},
    {"leading_dense_block_count"},
    {"logit_scale", 0, 1},
    {"moe_every_n_layers", 0, 1},
    {"nextn_predict_layers"},
    {"residual_scale", 0, 1},
    {"rope.scale_linear", 0, 1},
    {"router_logit_softcapping"},
    {"swiglu_clamp_exp"},
    {"use_parallel_residual"},
    {"rope.scaling.alpha", 0, 1},
    {"rope.scaling.attn_factor", 1, 1},
    {"rope.scaling.yarn_attn_factor", 1, 1},
    {"rope.scaling.yarn_log_multiplier"},
};
inline constexpr UnreadKey unread_vision_keys[] = {
    {"clip.use_gelu", 1, 1},
    {"clip.use_silu"},
    {"clip.vision.n_wa_pattern"},
    {"clip.vision.window_size"},
};

/// Keys that are read, and keys that change nothing by themselves.
inline constexpr std::string_view known_keys[] = {
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.scale",
    "attention.sliding_window",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_feed_forward_length",
    "expert_used_count",
    "feed_forward_length",
    "n_deepstack_layers",
    "pooling_type",
    "rope.dimension_count",
    "rope.dimension_sections",
    "rope.freq_base",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "vocab_size",
};

/// True if `neutral(x)` holds for the number, or for every number of the array; false for strings.
template <class Neutral>
bool all_neutral(const GgufValue& v, Neutral&& neutral) {
  if (v.type == GgufType::String) return v.is_array ? v.count == 0 : v.data.empty();
  const std::size_t bytes = info(v.type).bytes;
  for (std::size_t i = 0; i < v.count; ++i) {
    const std::byte* p = v.data.data() + i * bytes;
    double x = 0.0;
    if (v.type == GgufType::Bool) {
      x = *p == std::byte{0} ? 0.0 : 1.0;
    } else {
      visit_gguf_number(v.type, p, [&x](auto number) {
        x = static_cast<double>(number);
        return true;
      });
    }
    if (!neutral(x)) return false;
  }
  return true;
}

/// The value as an error shows it: a number, a string, or the type of an array.
inline std::string shown_value(const GgufValue& v) {
  if (v.is_array) return v.type_name();
  if (v.type == GgufType::String) return shown({reinterpret_cast<const char*>(v.data.data()), v.data.size()});
  if (v.type == GgufType::Bool) return v.data[0] == std::byte{0} ? "false" : "true";
  std::string text;
  visit_gguf_number(v.type, v.data.data(), [&text](auto number) {
    text = std::to_string(number);
    return true;
  });
  return text;
}

[[noreturn]] inline void refuse_key(const GgufFile& file, const GgufValue& value, const std::string& expected) {
  throw FileError("the key changes the results of the model, and vlmt does not read it",
                  {file.path(), value.offset, std::string(value.key), expected, shown_value(value)});
}

/// Refuses the key `name` unless neutral(x) holds for its value.
template <class Neutral>
void check_key(const GgufFile& file, const std::string& name, const std::string& expected, Neutral&& neutral) {
  const GgufValue* value = file.find(name);
  if (value != nullptr && !all_neutral(*value, neutral)) refuse_key(file, *value, expected);
}

inline void check_key(const GgufFile& file, const std::string& prefix, const UnreadKey& key) {
  const GgufValue* value = file.find(prefix + std::string(key.name));
  if (value == nullptr) return;
  if (all_neutral(*value, [&key](double x) { return x == key.neutral || x == key.also_neutral; })) return;
  std::string expected = std::to_string(key.neutral);
  if (value->type == GgufType::Bool) expected = key.neutral == 0 ? "false" : "true";
  if (key.also_neutral != key.neutral) expected += " or " + std::to_string(key.also_neutral);
  refuse_key(file, *value, expected);
}

/// rope.scaling.*: neutral without a type or with type none, linear or yarn, if the factor is absent, 0 ("none") or 1.
/// As in llama.cpp the factor counts without a type, and does not count with type none.
inline void check_rope_scaling(const GgufFile& file, const std::string& prefix) {
  const GgufValue* type = file.find(prefix + "rope.scaling.type");
  const std::string_view name = type == nullptr ? "linear" : file.require<std::string_view>(type->key);
  if (name.empty() || name == "none") return;
  if (name != "linear" && name != "yarn") refuse_key(file, *type, "none");
  check_key(file, prefix + "rope.scaling.factor", "1", [](double x) { return x == 0.0 || x == 1.0; });
}

/// Keys after `prefix` that are in none of the tables, and not in `read`.
inline std::vector<std::string_view> unknown_keys(const GgufFile& file, const std::string& prefix,
                                                  std::span<const std::string_view> read) {
  std::vector<std::string_view> unknown;
  for (const GgufValue& v : file.values()) {
    if (!v.key.starts_with(prefix)) continue;
    const std::string_view name = v.key.substr(prefix.size());
    bool known = std::find(read.begin(), read.end(), name) != read.end();
    for (const std::string_view k : known_keys) known = known || k == name;
    for (const UnreadKey& k : unread_keys) known = known || k.name == name;
    if (!known) unknown.push_back(v.key);
  }
  return unknown;
}

}  // namespace detail

VLMT_BODY void check_one_file_model(const GgufFile& file, const std::string& architecture) {
  const auto refuse = [&](std::string_view field, std::uint64_t offset) {
    throw FileError(
        "this is a model in one file, as Ollama keeps them, with the vision encoder inside; vlmt needs two files, the "
        "model and its mmproj, as llama.cpp's converter writes them",
        {file.path(), offset, std::string(field), {}, {}});
  };
  for (const GgufValue& v : file.values()) {
    if (v.key.starts_with(architecture + ".vision.")) refuse(v.key, v.offset);
  }
  for (const GgufTensor& t : file.tensors()) {
    if (t.name.starts_with("v.blk.")) refuse(t.name, t.offset);
  }
}

VLMT_BODY void check_unread_keys(const GgufFile& file, const std::string& architecture, std::size_t head_dim,
                                 std::size_t context, std::span<const std::string_view> read) {
  const std::string prefix = architecture + ".";
  const auto is_read = [&](std::string_view name) { return std::find(read.begin(), read.end(), name) != read.end(); };
  if (!is_read("rope.scaling.type")) detail::check_rope_scaling(file, prefix);
  for (const detail::UnreadKey& key : detail::unread_keys) {
    if (!is_read(key.name)) detail::check_key(file, prefix, key);
  }
  const double width = static_cast<double>(head_dim);
  detail::check_key(file, prefix + "rope.dimension_count", std::to_string(head_dim),
                    [width](double x) { return x == width; });
  if (!is_read("attention.scale")) {
    detail::check_key(file, prefix + "attention.scale", "1 / sqrt(" + std::to_string(head_dim) + ")",
                      [width](double x) { return x == 0.0 || std::fabs(x * std::sqrt(width) - 1.0) < 1e-5; });
  }
  // A window of the trained context or more hides nothing.
  const double all = static_cast<double>(context);
  if (!is_read("attention.sliding_window")) {
    detail::check_key(file, prefix + "attention.sliding_window", "0 or at least " + std::to_string(context),
                      [all](double x) { return x == 0.0 || x >= all; });
  }
  for (const GgufValue& v : file.values()) {
    // Whole mechanisms that this decoder does not have.
    for (const char* part : {"ssm.", "attention.indexer.", "altup.", "wkv.", "shortconv."}) {
      if (v.key.starts_with(prefix + part)) detail::refuse_key(file, v, "no such key");
    }
  }
  for (const std::string_view key : detail::unknown_keys(file, prefix, read)) {
    if (key.starts_with(prefix + "rope.scaling.")) detail::refuse_key(file, *file.find(key), "no such key");
  }
}

VLMT_BODY void check_unread_vision_keys(const GgufFile& file) {
  for (const detail::UnreadKey& key : detail::unread_vision_keys) detail::check_key(file, "", key);
}

VLMT_BODY std::string unknown_keys_warning(const GgufFile& file, const std::string& architecture,
                                           std::span<const std::string_view> read) {
  const std::vector<std::string_view> keys = detail::unknown_keys(file, architecture + ".", read);
  constexpr std::size_t most = 8;
  std::string names;
  for (std::size_t i = 0; i < keys.size() && i < most; ++i) names += (i == 0 ? "" : ", ") + std::string(keys[i]);
  if (keys.size() > most) names += " and " + std::to_string(keys.size() - most) + " more";
  return keys.empty() ? "" : file.path() + ": keys that vlmt does not know may change the results: " + names;
}

#endif

VLMT_END_NAMESPACE
