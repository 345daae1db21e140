// Writes small Qwen3-VL models with random weights, dense or MoE, as complete GGUF files for tests.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/io/gguf_writer.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/testing/sweep.hpp"
#include "vlmt/text/byte_map.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// Sizes of the model. The vocabulary is the 256 bytes and the control tokens of Qwen3-VL.
struct TinyModel {
  std::string architecture = {};  ///< if empty: qwen3vl, or qwen3vlmoe if `experts` > 0
  std::size_t hidden = 256;
  std::size_t layers = 2;
  std::size_t context = 32768;  ///< trained context
  std::size_t heads = 4;
  std::size_t kv_heads = 2;
  std::size_t head_dim = 64;  ///< a multiple of 8
  std::size_t ffn = 256;
  std::size_t experts = 0;  ///< 0: dense
  std::size_t experts_used = 2;
  std::size_t expert_ffn = 256;
  bool tied_head = true;

  std::size_t vision_hidden = 64;
  std::size_t vision_depth = 2;
  std::size_t vision_heads = 2;
  std::size_t vision_ffn = 128;
  std::size_t vision_patch = 16;  ///< side in pixels
  std::size_t position_side = 4;
  std::size_t deepstack = 1;  ///< the first `deepstack` vision blocks feed the first decoder layers
  std::uint64_t seed = 1;
};

/// The tokens of a TinyModel that are not bytes; ids start at 256.
inline constexpr std::array<std::string_view, 8> tiny_control_tokens{
    "<|endoftext|>",  "<|im_start|>",   "<|im_end|>",    "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"};

namespace detail {

/// Collects tensors, then writes them in order.
class RandomTensors {
 public:
  explicit RandomTensors(std::uint64_t seed) : seed_(seed) {}

  /// A matrix (rows, cols), or (count, rows, cols) if count > 1, in format F; in F32 if a row is not a whole number of
  /// blocks.
  template <QuantFormat F>
  void matrix(const std::string& name, std::size_t cols, std::size_t rows, std::size_t count = 1) {
    std::vector<std::uint64_t> ne{cols, rows};
    if (count > 1) ne.push_back(count);
    const double scale = 1.0 / std::sqrt(static_cast<double>(cols));
    if (cols % F::values == 0) {
      add<F>(name, ne, scale, 0.0);
    } else {
      add<F32>(name, ne, scale, 0.0);
    }
  }
  /// n values with the given mean and standard deviation 0.05.
  void vector(const std::string& name, std::size_t n, double mean) { add<F32>(name, {n}, 0.05, mean); }
  /// Float values of any shape, ne[0] varying fastest.
  void floats(const std::string& name, const std::vector<std::uint64_t>& ne, double scale) {
    add<F32>(name, ne, scale, 0.0);
  }

  void write(const std::string& path, GgufHeader& header) const {
    for (const Entry& e : entries_) header.add_tensor(e.name, e.type, e.ne);
    GgufWriter writer(path, header);
    for (const Entry& e : entries_) writer.write(e.bytes);
    writer.finish();
  }

 private:
  struct Entry {
    std::string name;
    std::uint32_t type;
    std::vector<std::uint64_t> ne;
    std::vector<std::byte> bytes;
  };

  template <QuantFormat F>
  void add(const std::string& name, const std::vector<std::uint64_t>& ne, double scale, double mean) {
    std::size_t n = 1;
    for (const std::uint64_t d : ne) n *= static_cast<std::size_t>(d);
    std::vector<float> values = gaussian(n, ++seed_, scale);
    for (float& v : values) v += static_cast<float>(mean);
    std::vector<typename F::Block> blocks(n / F::values);
    for (std::size_t i = 0; i < blocks.size(); ++i) F::encode(values.data() + i * F::values, blocks[i]);
    const auto bytes = std::as_bytes(std::span(blocks));
    entries_.push_back({name, F::type_id, ne, {bytes.begin(), bytes.end()}});
  }

  std::vector<Entry> entries_;
  std::uint64_t seed_;
};

inline void set_vocabulary(GgufHeader& header) {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    tokens.push_back(map_bytes({&byte, 1}));
    types.push_back(1);  // normal
  }
  for (const std::string_view name : tiny_control_tokens) {
    tokens.emplace_back(name);
    types.push_back(3);  // control
  }
  header.set("tokenizer.ggml.model", "gpt2");
  header.set("tokenizer.ggml.pre", "qwen2");
  header.set_array("tokenizer.ggml.tokens", tokens);
  header.set_array("tokenizer.ggml.token_type", types);
  header.set_array("tokenizer.ggml.merges", std::vector<std::string>{});
  header.set("tokenizer.ggml.eos_token_id", std::uint32_t{258});  // <|im_end|>
}

}  // namespace detail

/// Writes the decoder and its vocabulary. Matrices are in format Weights. Throws FileError and InputError.
template <QuantFormat Weights = F32>
void write_tiny_model(const TinyModel& m, const std::string& path) {
  GgufHeader header;
  const bool moe = m.experts != 0;
  const std::string architecture = !m.architecture.empty() ? m.architecture : moe ? "qwen3vlmoe" : "qwen3vl";
  const auto count = [&](const std::string& key, std::size_t value) {
    header.set(architecture + "." + key, static_cast<std::uint32_t>(value));
  };
  header.set("general.architecture", architecture);
  header.set("general.name", "random weights");
  count("block_count", m.layers);
  count("context_length", m.context);
  count("embedding_length", m.hidden);
  count("attention.head_count", m.heads);
  count("attention.head_count_kv", m.kv_heads);
  count("attention.key_length", m.head_dim);
  count("attention.value_length", m.head_dim);
  count("n_deepstack_layers", m.deepstack);
  header.set(architecture + ".attention.layer_norm_rms_epsilon", 1e-6f);
  header.set(architecture + ".rope.freq_base", 5e6f);
  // 5/16 of the angles of a head follow the image row, 5/16 the column, the rest the time.
  const auto section = static_cast<std::int32_t>(m.head_dim / 2 * 5 / 16);
  const auto half = static_cast<std::int32_t>(m.head_dim / 2);
  header.set_array(architecture + ".rope.dimension_sections",
                   std::vector<std::int32_t>{half - 2 * section, section, section, 0});
  if (moe) {
    count("expert_count", m.experts);
    count("expert_used_count", m.experts_used);
    count("expert_feed_forward_length", m.expert_ffn);
  } else {
    count("feed_forward_length", m.ffn);
  }
  detail::set_vocabulary(header);

  detail::RandomTensors t(m.seed);
  const std::size_t vocab = 256 + tiny_control_tokens.size();
  const std::size_t q = m.heads * m.head_dim, kv = m.kv_heads * m.head_dim;
  t.matrix<Weights>("token_embd.weight", m.hidden, vocab);
  t.vector("output_norm.weight", m.hidden, 1.0);
  if (!m.tied_head) t.matrix<Weights>("output.weight", m.hidden, vocab);
  for (std::size_t l = 0; l < m.layers; ++l) {
    const std::string p = "blk." + std::to_string(l) + ".";
    t.vector(p + "attn_norm.weight", m.hidden, 1.0);
    t.vector(p + "attn_q_norm.weight", m.head_dim, 1.0);
    t.vector(p + "attn_k_norm.weight", m.head_dim, 1.0);
    t.matrix<Weights>(p + "attn_q.weight", m.hidden, q);
    t.matrix<Weights>(p + "attn_k.weight", m.hidden, kv);
    t.matrix<Weights>(p + "attn_v.weight", m.hidden, kv);
    t.matrix<Weights>(p + "attn_output.weight", q, m.hidden);
    t.vector(p + "ffn_norm.weight", m.hidden, 1.0);
    if (moe) {
      t.matrix<F32>(p + "ffn_gate_inp.weight", m.hidden, m.experts);
      t.matrix<Weights>(p + "ffn_gate_exps.weight", m.hidden, m.expert_ffn, m.experts);
      t.matrix<Weights>(p + "ffn_up_exps.weight", m.hidden, m.expert_ffn, m.experts);
      t.matrix<Weights>(p + "ffn_down_exps.weight", m.expert_ffn, m.hidden, m.experts);
    } else {
      t.matrix<Weights>(p + "ffn_gate.weight", m.hidden, m.ffn);
      t.matrix<Weights>(p + "ffn_up.weight", m.hidden, m.ffn);
      t.matrix<Weights>(p + "ffn_down.weight", m.ffn, m.hidden);
    }
  }
  t.write(path, header);
}

/// Writes the vision encoder of the model: four patches per token. Throws FileError and InputError.
template <QuantFormat Weights = F32>
void write_tiny_mmproj(const TinyModel& m, const std::string& path) {
  GgufHeader header;
  const std::string v = "clip.vision.";
  const auto count = [&](const std::string& key, std::size_t value) {
    header.set(v + key, static_cast<std::uint32_t>(value));
  };
  header.set("general.architecture", "clip");
  header.set("clip.projector_type", "qwen3vl_merger");
  header.set("clip.has_vision_encoder", true);
  count("embedding_length", m.vision_hidden);
  count("block_count", m.vision_depth);
  count("attention.head_count", m.vision_heads);
  count("feed_forward_length", m.vision_ffn);
  count("patch_size", m.vision_patch);
  count("spatial_merge_size", 2);
  count("projection_dim", m.hidden);
  header.set(v + "attention.layer_norm_epsilon", 1e-6f);
  header.set_array(v + "image_mean", std::vector<float>{0.5f, 0.5f, 0.5f});
  header.set_array(v + "image_std", std::vector<float>{0.5f, 0.5f, 0.5f});
  const std::unique_ptr<bool[]> flags(new bool[m.vision_depth]);
  for (std::size_t i = 0; i < m.vision_depth; ++i) flags[i] = i < m.deepstack;
  header.set_array(v + "is_deepstack_layers", std::span<const bool>(flags.get(), m.vision_depth));

  detail::RandomTensors t(m.seed + 1000);
  const std::size_t h = m.vision_hidden, wide = 4 * h;
  const auto affine = [&](const std::string& name, std::size_t cols, std::size_t rows) {
    t.matrix<Weights>(name + ".weight", cols, rows);
    t.vector(name + ".bias", rows, 0.0);
  };
  const auto norm = [&](const std::string& name, std::size_t n) {
    t.vector(name + ".weight", n, 1.0);
    t.vector(name + ".bias", n, 0.0);
  };
  const std::size_t side = m.vision_patch;
  const double patch_scale = 1.0 / std::sqrt(static_cast<double>(2 * side * side * 3));
  t.floats("v.patch_embd.weight", {side, side, 3, h}, patch_scale);
  t.floats("v.patch_embd.weight.1", {side, side, 3, h}, patch_scale);
  t.vector("v.patch_embd.bias", h, 0.0);
  t.floats("v.position_embd.weight", {h, m.position_side * m.position_side}, 0.1);
  for (std::size_t i = 0; i < m.vision_depth; ++i) {
    const std::string p = "v.blk." + std::to_string(i) + ".";
    norm(p + "ln1", h);
    norm(p + "ln2", h);
    affine(p + "attn_qkv", h, 3 * h);
    affine(p + "attn_out", h, h);
    affine(p + "ffn_up", h, m.vision_ffn);
    affine(p + "ffn_down", m.vision_ffn, h);
  }
  norm("v.post_ln", h);
  affine("mm.0", wide, wide);
  affine("mm.2", wide, m.hidden);
  for (std::size_t i = 0; i < m.deepstack; ++i) {
    const std::string p = "v.deepstack." + std::to_string(i) + ".";
    norm(p + "norm", wide);
    affine(p + "fc1", wide, wide);
    affine(p + "fc2", wide, m.hidden);
  }
  t.write(path, header);
}

}  // namespace testing
VLMT_END_NAMESPACE
