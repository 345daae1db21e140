// The text decoder: embedding, layers and output head, issued as ops on a Step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/kernel/epilogue.hpp"
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/kernel/rows.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/nn/attention_block.hpp"
#include "vlmt/nn/kv_cache.hpp"
#include "vlmt/nn/mlp.hpp"
#include "vlmt/nn/moe.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/nn/shapes.hpp"
#include "vlmt/nn/step_sequences.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one layer. Of `mlp` and `moe` only one is used.
template <class Arch>
struct DecoderLayer {
  AttentionWeights<Arch> attention;
  MlpWeights<Arch> mlp;
  MoeWeights<Arch> moe;
};

/// Inputs and outputs of a step. The host fills the inputs before the step runs; only ops read them.
struct StepData {
  std::int32_t* ids = nullptr;         ///< (rows): token ids; -1 for rows that take a visual feature
  std::int32_t* positions = nullptr;   ///< (rows, 3): t, h, w
  std::int32_t* visual_at = nullptr;   ///< (visual rows): target row of each visual feature
  float* visual = nullptr;             ///< (1 + levels, rows, hidden): visual features (level 0), then DeepStack levels
  std::int32_t* logit_rows = nullptr;  ///< (logit_rows): rows that need logits
  float* logits = nullptr;             ///< (logit_rows, vocab)
  StepSequences sequences;             ///< the sequence, slots and KV cache of each row
};

/// Capacity of the workspace of a decoder.
struct DecoderCapacity {
  std::size_t rows = 256;      ///< maximum tokens per step
  std::size_t logit_rows = 1;  ///< maximum rows of logits per step
  std::size_t context = 0;     ///< slots of each KV cache
  std::size_t sequences = 1;   ///< maximum sequences per step
  std::size_t members = 1;     ///< maximum threads
};

/// Workspace of steps; weights and KV caches are stored elsewhere. One workspace serves one step at a time.
struct DecoderBuffers {
  DecoderCapacity capacity;
  StepData data;
  float* x = nullptr;     ///< (rows, hidden): the residual stream; after a step, the output of the last layer
  float* last = nullptr;  ///< (logit_rows, hidden): rows gathered for the head, before the final norm
  float* rope = nullptr;  ///< (rows, head_dim): rotary cosines and sines
  InputRows input;        ///< (rows, hidden)
  InputRows inner;        ///< (rows, ffn)
  AttentionBuffers attention;
  MoeBuffers moe;
};

/// Sizes of a step, known on the host when the step is issued.
struct StepSize {
  std::size_t rows = 0;
  std::size_t visual_rows = 0;
  std::size_t logit_rows = 0;
  std::size_t sequences = 1;
};

/// A decoder of the family M; see model/qwen3vl.hpp for the members of M. Immutable once its weights are loaded.
template <class M>
class Decoder {
 public:
  using Arch = typename M::Backend::Arch;
  using Shapes = typename M::Shapes;

  Decoder() = default;
  /// Registers all weights with the loader, which sets them when it loads or binds. Do not move the decoder before
  /// that. Throws FileError for missing or misshapen tensors or sizes other than M fixes, InputError if the router uses
  /// more experts than the model has.
  template <class Loader>
  Decoder(const TextConfig& config, const WeightSource& source, Loader& loader);

  const TextConfig& config() const noexcept { return config_; }
  const Shapes& shapes() const noexcept { return shapes_; }
  std::span<const DecoderLayer<Arch>> layers() const noexcept { return layers_; }
  /// Experts per token; 0 for a dense model.
  std::size_t experts_used() const noexcept { return experts_used_; }
  /// The output head (vocab, hidden): the embedding matrix if the two are tied.
  const PackedMatrix<Arch>& head() const noexcept { return tied_ ? embedding_ : head_; }

  KvShape kv_shape(std::size_t capacity) const noexcept {
    return {shapes_.layers, shapes_.kv_heads, shapes_.head_dim, capacity};
  }

  /// Carves the workspace for steps within `c`; an empty carver only counts bytes.
  DecoderBuffers take_buffers(Carver& carver, const DecoderCapacity& c) const;

  /// Issues one step. Rows [0, size.rows) pass through all layers, their keys and values go to the KV caches of their
  /// sequences, and the rows in b.data.logit_rows get logits. Issuing reads no data: the contents of b.data are needed
  /// only when the ops run.
  template <Step S, class Probe>
  void forward(S& step, const DecoderBuffers& b, StepSize size, Numerics numerics, Probe& probe) const;

  /// Issues the final norm and the head for rows b.data.logit_rows [0, rows) of the last step.
  template <Step S>
  void issue_head(S& step, const DecoderBuffers& b, std::size_t rows, Numerics numerics) const;

  /// Issues the final norm of the first `rows` rows of the last head, into out (rows, hidden): embeddings.
  template <Step S>
  void issue_embedding(S& step, const DecoderBuffers& b, std::size_t rows, float* out) const;

 private:
  template <class Loader>
  void register_weights(const WeightSource& source, Loader& loader);

  TextConfig config_;
  Shapes shapes_{};
  std::size_t experts_used_ = 0;
  typename M::Rotary rotary_{};
  std::vector<float> frequencies_;
  PackedMatrix<Arch> embedding_;
  PackedMatrix<Arch> head_;
  bool tied_ = false;
  const float* final_norm_ = nullptr;
  std::vector<DecoderLayer<Arch>> layers_;
};

template <class M>
template <class Loader>
Decoder<M>::Decoder(const TextConfig& config, const WeightSource& source, Loader& loader)
    : config_(config), shapes_(bind_shapes<Shapes>(config)), experts_used_(M::Router::used(config.experts_used)) {
  if (config.experts != 0 && (experts_used_ == 0 || experts_used_ > config.experts)) {
    throw InputError(
        "the router uses an impossible number of experts per token",
        {config.file, {}, "experts", "1 to " + std::to_string(config.experts), std::to_string(experts_used_)});
  }
  register_weights(source, loader);
  const std::size_t half = shapes_.head_dim / 2;
  rotary_ = M::rotary(config);
  frequencies_.resize(rotary_.frequencies(half));
  rope_frequencies(static_cast<double>(config.rope_theta), frequencies_.size(), nullptr, frequencies_.data());
}

template <class M>
DecoderBuffers Decoder<M>::take_buffers(Carver& carver, const DecoderCapacity& c) const {
  DecoderBuffers b;
  b.capacity = c;
  const std::size_t hidden = shapes_.hidden;
  b.data.ids = carver.take<std::int32_t>(c.rows);
  b.data.positions = carver.take<std::int32_t>(c.rows * 3);
  b.data.sequences = StepSequences::take(carver, c.sequences);
  b.data.visual_at = carver.take<std::int32_t>(c.rows);
  b.data.visual = carver.take<float>((1 + config_.deepstack_layers) * c.rows * hidden);
  b.data.logit_rows = carver.take<std::int32_t>(c.logit_rows);
  b.data.logits = carver.take<float>(c.logit_rows * shapes_.vocab);
  b.x = carver.take<float>(c.rows * hidden);
  b.last = carver.take<float>(c.logit_rows * hidden);
  b.rope = carver.take<float>(rope_table_floats(c.rows, shapes_.head_dim / 2));
  b.input = InputRows::take_corrected<Arch>(carver, c.rows, hidden);
  b.attention = AttentionBuffers::take<Arch>(carver, shapes_, c.rows, c.context, c.sequences, c.members);
  if (shapes_.experts != 0) {
    b.moe = MoeBuffers::take<Arch>(carver, shapes_, c.rows, experts_used_);
  } else {
    b.inner = InputRows::take<Arch>(carver, c.rows, shapes_.ffn);
  }
  return b;
}

template <class M>
template <Step S, class Probe>
void Decoder<M>::forward(S& step, const DecoderBuffers& b, StepSize size, Numerics numerics, Probe& probe) const {
  const std::size_t n = size.rows;
  const auto hidden = shapes_.hidden;
  const std::size_t half = shapes_.head_dim / 2;
  const StepData d = b.data;
  float* x = b.x;

  const RowDecoder table{&embedding_,
                         [](const void* w, std::size_t row, float* out) noexcept {
                           static_cast<const PackedMatrix<Arch>*>(w)->decode_row(row, out);
                         },
                         embedding_.rows};
  step("embedding", [=](Member& m) noexcept { embed_rows(table, d.ids, n, hidden, x, m); });
  if (size.visual_rows != 0) {
    step("visual rows",
         [=](Member& m) noexcept { copy_rows(d.visual, nullptr, x, d.visual_at, size.visual_rows, hidden, m); });
  }
  const auto rotary = rotary_;
  const float* frequencies = frequencies_.data();
  float* angles = b.rope;
  step("angles", [=](Member& m) noexcept { rope_table(rotary, d.positions, n, frequencies, half, angles, m); });
  probe_hidden(step, probe, 0, x, n, hidden);

  const float eps = config_.norm_eps;
  const typename M::Attention variant{};
  const typename M::Router router{};
  for (std::size_t l = 0; l < shapes_.layers; ++l) {
    const DecoderLayer<Arch>& layer = layers_[l];
    attention_block<M>(step, shapes_, layer.attention, b.attention, b.input, x, n, d.sequences, size.sequences, l,
                       angles, eps, numerics, variant);
    if (shapes_.experts != 0) {
      moe_block<M>(step, shapes_, layer.moe, b.input, b.moe, x, n, experts_used_, eps, numerics, router);
      probe_router(step, probe, l, b.moe, n, experts_used_);
    } else {
      mlp_block<M>(step, shapes_, layer.mlp, b.input, b.inner, x, n, eps, numerics);
    }
    if (l + 1 < shapes_.layers) probe_hidden(step, probe, l + 1, x, n, hidden);
    if (l < config_.deepstack_layers && size.visual_rows != 0) {
      const float* level = d.visual + (l + 1) * b.capacity.rows * hidden;
      step("deepstack",
           [=](Member& m) noexcept { add_rows<Arch>(level, x, d.visual_at, size.visual_rows, hidden, m); });
    }
  }
  if constexpr (ProbesHidden<Probe>) {
    // As in transformers, the last hidden states are the output of the final norm.
    const typename M::Norm norm{final_norm_, eps};
    const F32Rows all{b.input.x, hidden};
    step("final norm", [=](Member& m) noexcept { norm_rows<Arch>(norm, x, n, hidden, hidden, all, m); });
    probe_hidden(step, probe, shapes_.layers, b.input.x, n, hidden);
  }
  if (size.logit_rows != 0) issue_head(step, b, size.logit_rows, numerics);
}

template <class M>
template <Step S>
void Decoder<M>::issue_head(S& step, const DecoderBuffers& b, std::size_t rows, Numerics numerics) const {
  const auto hidden = shapes_.hidden;
  const StepData d = b.data;
  const float* x = b.x;
  float* gathered = b.last;
  const RowForms forms = activation_forms<Arch>(numerics, rows, hidden, {head().leaves});
  const typename M::Norm norm{final_norm_, config_.norm_eps};
  step("logit rows", [=](Member& m) noexcept { copy_rows(x, d.logit_rows, gathered, nullptr, rows, hidden, m); });
  b.input.template write<Arch>(hidden, forms, [&](const auto& sink) {
    step("final norm", [=](Member& m) noexcept { norm_rows<Arch>(norm, gathered, rows, hidden, hidden, sink, m); });
  });
  const Activations in = b.input.rows(rows, hidden, forms);
  const PackedMatrix<Arch>* weight = &head();
  const std::size_t vocab = shapes_.vocab;
  step("head", [=](Member& m) noexcept { matmul(*weight, in, Store<Arch>{d.logits, vocab}, m); });
}

template <class M>
template <Step S>
void Decoder<M>::issue_embedding(S& step, const DecoderBuffers& b, std::size_t rows, float* out) const {
  const auto hidden = shapes_.hidden;
  const float* x = b.last;
  const typename M::Norm norm{final_norm_, config_.norm_eps};
  const F32Rows sink{out, hidden};
  step("final norm", [=](Member& m) noexcept { norm_rows<Arch>(norm, x, rows, hidden, hidden, sink, m); });
}

template <class M>
template <class Loader>
void Decoder<M>::register_weights(const WeightSource& source, Loader& loader) {
  const std::size_t hidden = shapes_.hidden;
  const std::size_t vocab = shapes_.vocab;
  const std::size_t q = shapes_.heads * shapes_.head_dim;
  const std::size_t k = shapes_.kv_heads * shapes_.head_dim;
  loader.matrix(embedding_, source.get("token_embd.weight", {vocab, hidden}));
  loader.vector(final_norm_, source.get("output_norm.weight", {hidden}));
  tied_ = !source.has("output.weight");
  if (!tied_) loader.matrix(head_, source.get("output.weight", {vocab, hidden}));
  layers_.resize(shapes_.layers);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const std::string p = "blk." + std::to_string(l) + ".";
    AttentionWeights<Arch>& a = layers_[l].attention;
    loader.vector(a.norm, source.get(p + "attn_norm.weight", {hidden}));
    if constexpr (M::has_qk_norm) {
      loader.vector(a.q_norm, source.get(p + "attn_q_norm.weight", {shapes_.head_dim}));
      loader.vector(a.k_norm, source.get(p + "attn_k_norm.weight", {shapes_.head_dim}));
    }
    if (source.has(p + "attn_qkv.weight")) {
      const SourceTensor fused = source.get(p + "attn_qkv.weight", {q + 2 * k, hidden});
      loader.matrix(a.q, fused.rows(0, q));
      loader.matrix(a.k, fused.rows(q, k));
      loader.matrix(a.v, fused.rows(q + k, k));
    } else {
      loader.matrix(a.q, source.get(p + "attn_q.weight", {q, hidden}));
      loader.matrix(a.k, source.get(p + "attn_k.weight", {k, hidden}));
      loader.matrix(a.v, source.get(p + "attn_v.weight", {k, hidden}));
    }
    loader.matrix(a.out, source.get(p + "attn_output.weight", {hidden, q}));
    if (shapes_.experts != 0) {
      const std::size_t experts = shapes_.experts;
      const std::size_t ffn = shapes_.expert_ffn;
      MoeWeights<Arch>& w = layers_[l].moe;
      loader.vector(w.norm, source.get(p + "ffn_norm.weight", {hidden}));
      loader.matrix(w.router, source.get(p + "ffn_gate_inp.weight", {experts, hidden}));
      loader.experts(w.gate, source.get(p + "ffn_gate_exps.weight", {experts, ffn, hidden}));
      loader.experts(w.up, source.get(p + "ffn_up_exps.weight", {experts, ffn, hidden}));
      loader.experts(w.down, source.get(p + "ffn_down_exps.weight", {experts, hidden, ffn}));
    } else {
      const std::size_t ffn = shapes_.ffn;
      MlpWeights<Arch>& w = layers_[l].mlp;
      loader.vector(w.norm, source.get(p + "ffn_norm.weight", {hidden}));
      loader.matrix(w.gate, source.get(p + "ffn_gate.weight", {ffn, hidden}));
      loader.matrix(w.up, source.get(p + "ffn_up.weight", {ffn, hidden}));
      loader.matrix(w.down, source.get(p + "ffn_down.weight", {hidden, ffn}));
    }
  }
}

VLMT_END_NAMESPACE
