// Hyperparameters of a text decoder, read from a GGUF file and validated.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/unread_keys.hpp"
#include "vlmt/nn/shapes.hpp"

VLMT_BEGIN_NAMESPACE

/// Hyperparameters of a decoder.
struct TextConfig {
  std::string file;
  std::string architecture;
  std::string name;
  std::size_t context = 0;  ///< longest sequence that the model was trained on, in tokens
  std::size_t hidden = 0;
  std::size_t layers = 0;
  std::size_t heads = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t ffn = 0;
  std::size_t vocab = 0;
  std::size_t experts = 0;
  std::size_t experts_used = 0;
  std::size_t expert_ffn = 0;
  std::size_t deepstack_layers = 0;  ///< the first deepstack_layers layers add a vision feature to their output
  float norm_eps = 0.0f;
  float rope_theta = 0.0f;
  std::array<int, 3> rope_sections{};  ///< frequencies for t, h and w; they sum to head_dim / 2 if the family has them
};

namespace detail {

template <class M>
struct ConfigType {
  using type = TextConfig;
};
template <class M>
requires requires {
  typename M::Config;
}
struct ConfigType<M> {
  using type = typename M::Config;
};

}  // namespace detail

/// The configuration of a family: M::Config, which derives from TextConfig and holds what its own keys say, or
/// TextConfig.
template <class M>
using ConfigOf = typename detail::ConfigType<M>::type;

/// Upper bounds of sizes in files. A larger size means a broken file.
struct ModelLimits {
  std::size_t layers = 512;
  std::size_t width = std::size_t{1} << 20;  ///< of hidden, heads * head_dim and MLP
  std::size_t vocab = std::size_t{1} << 22;
  std::size_t experts = 512;
};

namespace detail {

inline std::size_t require_size(const GgufFile& file, const std::string& key, std::size_t least, std::size_t most) {
  const auto value = file.require<std::uint64_t>(key);
  if (value < least || value > most) {
    throw FileError("the value is out of range", {std::string(file.path()),
                                                  {},
                                                  key,
                                                  std::to_string(least) + " to " + std::to_string(most),
                                                  std::to_string(value)});
  }
  return static_cast<std::size_t>(value);
}

inline std::size_t size_or(const GgufFile& file, const std::string& key, std::size_t fallback, std::size_t least,
                           std::size_t most) {
  return file.find(key) == nullptr ? fallback : require_size(file, key, least, most);
}

inline float require_positive(const GgufFile& file, const std::string& key) {
  const auto value = file.require<float>(key);
  if (!std::isfinite(value) || value <= 0.0f) {
    throw FileError("the value is out of range",
                    {std::string(file.path()), {}, key, "a positive number", std::to_string(value)});
  }
  return value;
}

}  // namespace detail

/// Reads the keys that all decoders have, of a file whose general.architecture is one of `architectures`. Throws
/// FileError with the key or tensor at fault, also for keys that are not read and would change the results
/// (model/unread_keys.hpp). `own_keys`: those that the family reads itself, without the architecture.
TextConfig read_text_config(const GgufFile& file, std::span<const std::string_view> architectures,
                            std::span<const std::string_view> own_keys = {});

/// Reads rope.dimension_sections into c.rope_sections. Throws FileError unless they are there and sum to half of the
/// head.
void read_rope_sections(const GgufFile& file, TextConfig& c);

/// Names of the keys that a family reads beside those of all decoders: M::own_keys, or none.
template <class M>
std::span<const std::string_view> own_keys_of() noexcept {
  if constexpr (requires { M::own_keys; }) {
    return M::own_keys;
  } else {
    return {};
  }
}

/// Reads the configuration of a family: M::read_config(file), or read_text_config().
template <class M>
ConfigOf<M> read_config(const GgufFile& file) {
  if constexpr (requires { M::read_config(file); }) {
    return M::read_config(file);
  } else {
    return read_text_config(file, M::architectures);
  }
}

/// Copies the sizes into a shapes type. Throws FileError if a size that the type fixes differs.
template <class Shapes>
Shapes bind_shapes(const TextConfig& c) {
  Shapes s;
  bind_dim(s.hidden, c.hidden, "embedding_length", c.file);
  bind_dim(s.layers, c.layers, "block_count", c.file);
  bind_dim(s.heads, c.heads, "attention.head_count", c.file);
  bind_dim(s.kv_heads, c.kv_heads, "attention.head_count_kv", c.file);
  bind_dim(s.head_dim, c.head_dim, "attention.key_length", c.file);
  bind_dim(s.ffn, c.ffn, "feed_forward_length", c.file);
  bind_dim(s.vocab, c.vocab, "token_embd.weight", c.file);
  bind_dim(s.experts, c.experts, "expert_count", c.file);
  bind_dim(s.experts_used, c.experts_used, "expert_used_count", c.file);
  bind_dim(s.expert_ffn, c.expert_ffn, "expert_feed_forward_length", c.file);
  return s;
}

#if VLMT_HAS_BODIES

VLMT_BODY TextConfig read_text_config(const GgufFile& file, std::span<const std::string_view> architectures,
                                      std::span<const std::string_view> own_keys) {
  const ModelLimits limits;
  TextConfig c;
  c.file = file.path();
  c.architecture = std::string(file.require<std::string_view>("general.architecture"));
  bool known = false;
  std::string expected;
  for (std::string_view a : architectures) {
    known = known || a == c.architecture;
    expected += (expected.empty() ? "" : " or ") + std::string(a);
  }
  if (!known) {
    throw FileError(c.architecture == "clip"
                        ? "this is a vision encoder (mmproj) file; the model it belongs to is another file"
                        : "the file holds another architecture",
                    {c.file, {}, "general.architecture", expected, c.architecture});
  }
  c.name = std::string(file.get_or<std::string_view>("general.name", c.architecture));
  check_one_file_model(file, c.architecture);
  const std::string a = c.architecture + ".";
  using detail::require_size;
  using detail::size_or;
  c.layers = require_size(file, a + "block_count", 1, limits.layers);
  c.context = require_size(file, a + "context_length", 1, std::size_t{1} << 31);
  c.hidden = require_size(file, a + "embedding_length", 1, limits.width);
  c.heads = require_size(file, a + "attention.head_count", 1, 4096);
  c.kv_heads = size_or(file, a + "attention.head_count_kv", c.heads, 1, c.heads);
  if (c.heads % c.kv_heads != 0) {
    throw FileError("the number of query heads is not a multiple of the number of KV heads",
                    {c.file,
                     {},
                     a + "attention.head_count_kv",
                     "a divisor of " + std::to_string(c.heads),
                     std::to_string(c.kv_heads)});
  }
  c.head_dim = size_or(file, a + "attention.key_length", c.hidden / c.heads, 8, 1024);
  if (c.head_dim == 0 || c.head_dim % 8 != 0 || c.heads * c.head_dim > limits.width) {
    throw FileError("the head dimension is out of range",
                    {c.file, {}, a + "attention.key_length", "a multiple of 8", std::to_string(c.head_dim)});
  }
  const std::size_t value_dim = size_or(file, a + "attention.value_length", c.head_dim, 1, 1024);
  if (value_dim != c.head_dim) {
    throw FileError("the head dimensions of keys and values must be equal",
                    {c.file, {}, a + "attention.value_length", std::to_string(c.head_dim), std::to_string(value_dim)});
  }
  c.ffn = size_or(file, a + "feed_forward_length", 0, 1, limits.width);
  c.norm_eps = detail::require_positive(file, a + "attention.layer_norm_rms_epsilon");
  c.rope_theta = detail::require_positive(file, a + "rope.freq_base");
  c.experts = size_or(file, a + "expert_count", 0, 0, limits.experts);
  if (c.experts != 0) {
    c.experts_used = require_size(file, a + "expert_used_count", 1, c.experts);
    c.expert_ffn = size_or(file, a + "expert_feed_forward_length", c.ffn / c.experts_used, 1, limits.width);
  } else if (c.ffn == 0) {
    throw FileError("the key is missing", {c.file, {}, a + "feed_forward_length", {}, {}});
  }
  const GgufTensor& embedding = file.require_tensor("token_embd.weight");
  c.vocab = static_cast<std::size_t>(embedding.ne[1]);
  if (c.vocab == 0 || c.vocab > limits.vocab) {
    throw FileError("the size of the vocabulary is out of range",
                    {c.file, embedding.offset, "token_embd.weight", "up to " + std::to_string(limits.vocab) + " rows",
                     std::to_string(c.vocab)});
  }
  check_unread_keys(file, c.architecture, c.head_dim, c.context, own_keys);
  return c;
}

VLMT_BODY void read_rope_sections(const GgufFile& file, TextConfig& c) {
  const std::string sections_key = c.architecture + ".rope.dimension_sections";
  const auto sections = file.require_array<std::int64_t>(sections_key);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const bool fits =
        sections[i] >= 0 && sections[i] <= static_cast<std::int64_t>(c.head_dim) && (i < 3 || sections[i] == 0);
    if (!fits || sections.size() > 4) sum = -1;
    if (sum >= 0) sum += sections[i];
    if (i < 3 && fits) c.rope_sections[i] = static_cast<int>(sections[i]);
  }
  if (sections.size() < 3 || sum != static_cast<std::int64_t>(c.head_dim / 2)) {
    throw FileError("the rotary sections do not match the head dimension",
                    {c.file,
                     {},
                     sections_key,
                     "three counts that sum to " + std::to_string(c.head_dim / 2),
                     sum < 0 ? "other values" : "a sum of " + std::to_string(sum)});
  }
}

#endif

VLMT_END_NAMESPACE
