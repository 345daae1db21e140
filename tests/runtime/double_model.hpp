// The logits of a text prompt in double: a Qwen3-VL decoder from the tensors of a file, by the formulas of
// nn/double_blocks.hpp, with the parts that variants replace.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/io/gguf.hpp"
#include "vlmt/quant/row.hpp"

#include "nn/double_blocks.hpp"

namespace vlmt_test {

/// What a variant replaces. The defaults are those of Qwen3-VL with a cache of floats.
struct DoubleVariant {
  Function activation = silu;
  double norm_scale = 1.0;  ///< multiplies the norms of the residual stream
  Index window = 0;         ///< slots that a query sees; 0: all up to its own
  std::function<Row(Row)> cached{};
  std::size_t experts_used = 0;  ///< 0: as in the file
  bool sigmoid_scores = false;
  bool renormalised = true;
  std::function<Index(std::size_t layer)> window_of{};  ///< in place of `window`
  double scale = 0.0;                                   ///< of products of attention; 0: 1 / sqrt(head_dim)
  double cap = 0.0;                                     ///< of logits of attention; 0: none
  std::size_t groups = 1;                               ///< of experts
  std::size_t groups_used = 1;
  double expert_scale = 1.0;
};

/// The decoder of a file. Positions of text are the same on all axes, so that M-RoPE is the rotation of one position.
class DoubleModel {
 public:
  explicit DoubleModel(const std::string& path) : file_(vlmt::GgufFile::open(path)) {}

  /// Logits after the last of `tokens`.
  Row logits(const std::vector<int>& tokens, const DoubleVariant& variant) const {
    const double epsilon = static_cast<double>(key<float>("attention.layer_norm_rms_epsilon"));
    const auto layers = key<std::size_t>("block_count");
    const Matrix embedding = matrix("token_embd.weight");
    const auto norm = [&](const std::string& name) { return Row(variant.norm_scale * matrix(name).row(0)); };
    Matrix x(static_cast<Index>(tokens.size()), embedding.cols());
    for (Index t = 0; t < x.rows(); ++t) x.row(t) = embedding.row(tokens[static_cast<std::size_t>(t)]);
    const Matrix table = angles(x.rows());
    for (std::size_t l = 0; l < layers; ++l) {
      const std::string p = "blk." + std::to_string(l) + ".";
      DoubleAttention a;
      a.norm = norm(p + "attn_norm.weight");
      a.q_norm = matrix(p + "attn_q_norm.weight").row(0);
      a.k_norm = matrix(p + "attn_k_norm.weight").row(0);
      a.q = matrix(p + "attn_q.weight");
      a.k = matrix(p + "attn_k.weight");
      a.v = matrix(p + "attn_v.weight");
      a.out = matrix(p + "attn_output.weight");
      a.heads = key<std::int64_t>("attention.head_count");
      a.kv_heads = key<std::int64_t>("attention.head_count_kv");
      a.epsilon = epsilon;
      a.window = variant.window_of ? variant.window_of(l) : variant.window;
      a.scale = variant.scale;
      a.cap = variant.cap;
      a.q_bias = row_or_none(p + "attn_q.bias");
      a.k_bias = row_or_none(p + "attn_k.bias");
      a.v_bias = row_or_none(p + "attn_v.bias");
      a.sinks = row_or_none(p + "attn_sinks.weight");
      a.cached = variant.cached;
      DoubleCache cache;
      a.add(x, {{&cache, x.rows()}}, table, Rounding::none);
      const Matrix in = rms_norm(x, norm(p + "ffn_norm.weight"), epsilon);
      x += has("expert_count") ? moe(p, variant)(in, Rounding::none) : mlp(p, variant)(in, Rounding::none);
    }
    return product(rms_norm(x.bottomRows(1), norm("output_norm.weight"), epsilon), matrix("output.weight")).row(0);
  }

 private:
  std::string full(std::string_view name) const {
    return file_.require<std::string>("general.architecture") + "." + std::string(name);
  }
  bool has(std::string_view name) const { return file_.find(full(name)) != nullptr; }
  template <class T>
  T key(std::string_view name) const {
    return file_.require<T>(full(name));
  }

  /// A tensor (rows, ne[0]), or matrix `index` of a stack.
  Matrix matrix(const std::string& name, std::size_t index = 0) const {
    const vlmt::GgufTensor* t = file_.find_tensor(name);
    if (t == nullptr) throw vlmt::InputError("the file has no tensor " + name);
    const std::size_t values = t->ne[0] * t->ne[1];
    std::vector<float> x(values);
    vlmt::decode_row(t->type, t->data.data() + index * vlmt::row_bytes(t->type, values), values, x.data());
    Matrix m(static_cast<Index>(t->ne[1]), static_cast<Index>(t->ne[0]));
    for (std::size_t i = 0; i < values; ++i) m.data()[i] = static_cast<double>(x[i]);
    return m;
  }

  /// A vector that only some files have.
  Row row_or_none(const std::string& name) const {
    return file_.find_tensor(name) == nullptr ? Row() : Row(matrix(name).row(0));
  }

  DoubleMlp mlp(const std::string& layer, const DoubleVariant& variant) const {
    return {matrix(layer + "ffn_gate.weight"), matrix(layer + "ffn_up.weight"), matrix(layer + "ffn_down.weight"),
            variant.activation};
  }

  DoubleMoe moe(const std::string& layer, const DoubleVariant& variant) const {
    DoubleMoe m;
    m.router = matrix(layer + "ffn_gate_inp.weight");
    for (std::size_t e = 0; e < key<std::size_t>("expert_count"); ++e) {
      const auto part = [&](const char* name) { return matrix(layer + name, e); };
      m.experts.push_back(
          {part("ffn_gate_exps.weight"), part("ffn_up_exps.weight"), part("ffn_down_exps.weight"), variant.activation});
    }
    m.used = variant.experts_used == 0 ? key<std::size_t>("expert_used_count") : variant.experts_used;
    m.sigmoid_scores = variant.sigmoid_scores;
    m.renormalised = variant.renormalised;
    m.bias = row_or_none(layer + "exp_probs_b.bias");
    m.groups = variant.groups;
    m.groups_used = variant.groups_used;
    m.scale = variant.expert_scale;
    return m;
  }

  Matrix angles(Index rows) const {
    const auto dim = key<std::int64_t>("attention.key_length");
    const auto theta = static_cast<double>(key<float>("rope.freq_base"));
    Matrix table(rows, dim);
    for (Index t = 0; t < rows; ++t) {
      for (Index i = 0; i < dim / 2; ++i) {
        const double angle =
            static_cast<double>(t) * std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
        table(t, i) = std::cos(angle);
        table(t, dim / 2 + i) = std::sin(angle);
      }
    }
    return table;
  }

  vlmt::GgufFile file_;
};

}  // namespace vlmt_test
