// The text decoder: embedding, layers and output head, issued as ops on a Step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/nn/attention_block.hpp"
#include "vlmt/nn/mlp.hpp"
#include "vlmt/nn/moe.hpp"
#include "vlmt/nn/parts.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/nn/shapes.hpp"
#include "vlmt/op/attend.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/kv_shape.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/op/product.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/op/rotary.hpp"
#include "vlmt/op/rows.hpp"
#include "vlmt/op/sample.hpp"

VLMT_BEGIN_NAMESPACE

/// Weights of one layer of M. Of `mlp` and `moe` only one is used.
template <class M>
struct DecoderLayer {
  using Backend = typename M::Backend;
  AttentionWeights<Backend> attention;
  MlpWeights<Backend> mlp;
  MoeWeights<Backend> moe;
  LayerStateOf<M> state;  ///< of the family's own parts
};

/// Layers [begin, end) of a decoder: the part that one device holds. By default all.
struct LayerRange {
  std::size_t begin = 0;
  std::size_t end = SIZE_MAX;  ///< or more than the layers of the model: its last
};

/// Inputs of a step. The host writes them and sends them to the backend before the step runs; only ops read them.
template <class B>
struct StepInputs {
  std::int32_t* ids = nullptr;         ///< (rows): token ids; -1 for rows that take a visual feature
  std::int32_t* positions = nullptr;   ///< (rows, axes of the rotary embedding)
  std::int32_t* visual_at = nullptr;   ///< (visual rows): target row of each visual feature
  FeatureRow* visual = nullptr;        ///< (visual rows): features in memory of the backend
  std::int32_t* logit_rows = nullptr;  ///< (logit_rows): rows that need logits
  std::int32_t* targets = nullptr;     ///< (logit_rows): tokens that are scored
  SequencesOf<B> sequences;            ///< the sequence, slots and KV cache of each row
};

/// Capacity of the workspace of a decoder.
struct DecoderCapacity {
  std::size_t rows = 256;      ///< maximum tokens per step
  std::size_t logit_rows = 1;  ///< maximum rows of logits per step
  std::size_t context = 0;     ///< slots of each KV cache
  std::size_t sequences = 1;   ///< maximum sequences per step
  std::size_t members = 1;     ///< maximum threads
  /// Slots of attention weights that a probe sees; 0 without such a probe.
  std::size_t probed_slots = 0;
};

/// Workspace of steps; weights and KV caches are stored elsewhere. One workspace serves one step at a time.
template <class B>
struct DecoderBuffers {
  DecoderCapacity capacity;
  StepInputs<B> inputs;
  float* logits = nullptr;  ///< (logit_rows, vocab)
  float* scores = nullptr;  ///< (logit_rows): log-probabilities of the targets
  /// (rows, hidden): the residual stream. After a step, the output of the last layer. Before a step of layers that are
  /// not the first ones, the output of the layer before them.
  float* x = nullptr;
  float* last = nullptr;  ///< (logit_rows, hidden): rows gathered for the head, before the final norm
  float* rope = nullptr;  ///< (rows, head_dim): rotary cosines and sines
  RowBufferOf<B> input;   ///< (rows, hidden)
  RowBufferOf<B> inner;   ///< (rows, ffn)
  AttentionBuffers<B> attention;
  MoeBuffers<B> moe;
};

/// Sizes of a step, known on the host when the step is issued.
struct StepSize {
  std::size_t rows = 0;
  std::size_t visual_rows = 0;
  std::size_t logit_rows = 0;
  std::size_t sequences = 1;
  std::size_t slots = 0;  ///< of the longest sequence after the step; read for probes of attention only
};

/// A decoder of the family M, or a range of its layers; see model/qwen3vl.hpp for the members of M. Immutable once its
/// weights are loaded.
///
/// A decoder in two parts: the rows x that a step of layers [0, k) leaves are put into x of the part [k, end) before
/// its step, with the same inputs. Only the first part embeds, only the last one has logits.
template <class M>
class Decoder {
 public:
  using Backend = typename M::Backend;
  using Shapes = typename M::Shapes;
  using Buffers = DecoderBuffers<Backend>;
  using Config = ConfigOf<M>;
  /// Positions of a token.
  static constexpr std::size_t axes = M::Rotary::axes;

  Decoder() = default;
  /// Registers all weights with the loader, which sets them when it loads or binds. Do not move the decoder before
  /// that. Weights of other layers are left alone. Throws FileError for missing or misshapen tensors or sizes other
  /// than M fixes, InputError for a range without layers and if the router uses more experts than the model has.
  template <class Loader>
  Decoder(const Config& config, const WeightSource& source, Loader& loader, LayerRange range = {});

  const Config& config() const noexcept { return config_; }
  const Shapes& shapes() const noexcept { return shapes_; }
  /// The layers of this part.
  std::span<const DecoderLayer<M>> layers() const noexcept { return layers_; }
  /// Their numbers in the model.
  LayerRange range() const noexcept { return range_; }
  /// Experts per token; 0 for a dense model.
  std::size_t experts_used() const noexcept { return experts_used_; }
  /// The output head (vocab, hidden): the embedding matrix if the two are tied.
  const MatrixOf<Backend>& head() const noexcept { return tied_ ? embedding_ : head_; }

  /// Shape of the KV cache of these layers.
  KvShape kv_shape(std::size_t capacity) const noexcept {
    return {layers_.size(), shapes_.kv_heads, shapes_.head_dim, capacity};
  }

  /// Carves the workspace for steps within `c`, the inputs first; an empty carver only counts bytes.
  Buffers take_buffers(Carver& carver, const DecoderCapacity& c) const;

  /// Carves the inputs alone: where take_buffers() puts them in memory of the backend, and where the host writes them.
  static StepInputs<Backend> take_inputs(Carver& carver, const DecoderCapacity& c);

  /// Issues one step. Rows [0, size.rows) pass through all layers of this part, their keys and values go to the KV
  /// caches of their sequences, and the rows in b.inputs.logit_rows get logits. Issuing reads no data: the contents of
  /// b.inputs are needed only when the ops run.
  template <Step S, class Probe>
  void forward(S& step, const Buffers& b, StepSize size, Numerics numerics, Probe& probe) const;

  /// Issues the final norm and the head for rows b.inputs.logit_rows [0, rows) of the last step. Only for the part with
  /// the last layer.
  template <Step S>
  void issue_head(S& step, const Buffers& b, std::size_t rows, Numerics numerics) const;

  /// Issues the final norm of the first `rows` rows of the last head, into out (rows, hidden): embeddings.
  template <Step S>
  void issue_embedding(S& step, const Buffers& b, std::size_t rows, float* out) const;

  /// Issues the log-probabilities of b.inputs.targets [0, rows) under the logits of the last head, into b.scores.
  template <Step S>
  void issue_scores(S& step, const Buffers& b, std::size_t rows) const {
    step("scores", op::Score{b.logits, rows, shapes_.vocab, b.inputs.targets, b.scores});
  }

 private:
  template <class Loader>
  void register_weights(const WeightSource& source, Loader& loader);

  bool first() const noexcept { return range_.begin == 0; }
  bool last() const noexcept { return range_.end == shapes_.layers; }

  Config config_;
  Shapes shapes_{};
  LayerRange range_;
  std::size_t experts_used_ = 0;
  typename M::Rotary rotary_{};
  const float* frequencies_ = nullptr;
  MatrixOf<Backend> embedding_;
  MatrixOf<Backend> head_;
  bool tied_ = false;
  const float* final_norm_ = nullptr;
  std::vector<DecoderLayer<M>> layers_;
};

template <class M>
template <class Loader>
Decoder<M>::Decoder(const Config& config, const WeightSource& source, Loader& loader, LayerRange range)
    : config_(config),
      shapes_(bind_shapes<Shapes>(config)),
      range_{range.begin, std::min<std::size_t>(range.end, shapes_.layers)},
      experts_used_(M::Router::used(config.experts_used)) {
  if (range_.begin >= range_.end) {
    throw InputError("a part of a decoder has at least one of its layers",
                     {config.file,
                      {},
                      "layers",
                      "a range within 0 to " + std::to_string(shapes_.layers),
                      std::to_string(range.begin) + " to " + std::to_string(range.end)});
  }
  if (config.experts != 0 && (experts_used_ == 0 || experts_used_ > config.experts)) {
    throw InputError(
        "the router uses an impossible number of experts per token",
        {config.file, {}, "experts", "1 to " + std::to_string(config.experts), std::to_string(experts_used_)});
  }
  register_weights(source, loader);
  const std::size_t half = shapes_.head_dim / 2;
  rotary_ = M::rotary(config);
  std::vector<float> frequencies(rotary_.frequencies(half));
  rope_frequencies(static_cast<double>(config.rope_theta), frequencies.size(), nullptr, frequencies.data());
  loader.vector(frequencies_, SourceTensor::of(std::move(frequencies), source.path()));
}

template <class M>
typename Decoder<M>::Buffers Decoder<M>::take_buffers(Carver& carver, const DecoderCapacity& c) const {
  using Types = BackendTypes<Backend>;
  Buffers b;
  b.capacity = c;
  const std::size_t hidden = shapes_.hidden;
  b.inputs = take_inputs(carver, c);
  b.logits = carver.take<float>(c.logit_rows * shapes_.vocab);
  b.scores = carver.take<float>(c.logit_rows);
  b.x = carver.take<float>(c.rows * hidden);
  b.last = carver.take<float>(c.logit_rows * hidden);
  b.rope = carver.take<float>(rope_table_floats(c.rows, shapes_.head_dim / 2));
  b.input = Types::take_normed_rows(carver, c.rows, hidden);
  b.attention =
      AttentionBuffers<Backend>::take(carver, shapes_, c.rows, c.context, c.sequences, c.members, c.probed_slots);
  if (shapes_.experts != 0) {
    b.moe = MoeBuffers<Backend>::take(carver, shapes_, c.rows, experts_used_);
  } else {
    b.inner = Types::take_rows(carver, c.rows, shapes_.ffn);
  }
  return b;
}

template <class M>
StepInputs<typename M::Backend> Decoder<M>::take_inputs(Carver& carver, const DecoderCapacity& c) {
  StepInputs<Backend> in;
  in.ids = carver.take<std::int32_t>(c.rows);
  in.positions = carver.take<std::int32_t>(c.rows * axes);
  in.sequences = SequencesOf<Backend>::take(carver, c.sequences);
  in.visual_at = carver.take<std::int32_t>(c.rows);
  in.visual = carver.take<FeatureRow>(c.rows);
  in.logit_rows = carver.take<std::int32_t>(c.logit_rows);
  in.targets = carver.take<std::int32_t>(c.logit_rows);
  return in;
}

template <class M>
template <Step S, class Probe>
void Decoder<M>::forward(S& step, const Buffers& b, StepSize size, Numerics numerics, Probe& probe) const {
  const std::size_t n = size.rows;
  const std::size_t hidden = shapes_.hidden;
  const StepInputs<Backend>& d = b.inputs;
  float* x = b.x;

  if (first()) step("embedding", op::Embed{embedding_, d.ids, d.visual, d.visual_at, x, n, size.visual_rows, hidden});
  step("angles", op::Angles{rotary_, d.positions, frequencies_, n, shapes_.head_dim / 2, b.rope});
  if (first()) probe_hidden(step, probe, 0, x, n, hidden);

  const float eps = config_.norm_eps;
  const SequencesOf<Backend> sequences = d.sequences.of(size.sequences);
  for (std::size_t l = range_.begin; l < range_.end; ++l) {
    const std::size_t own = l - range_.begin;
    const DecoderLayer<M>& layer = layers_[own];
    const auto variant = attention_of<M>(config_, l, layer.state);
    const float scale = attention_scale_of<M>(config_, l, shapes_.head_dim);
    attention_block<M>(step, shapes_, layer.attention, b.attention, b.input, x, n, sequences, own, b.rope, eps,
                       numerics, scale, variant);
    if constexpr (ProbesAttention<Probe>) {
      const std::size_t width = (shapes_.heads + 2 * shapes_.kv_heads) * shapes_.head_dim;
      probe_attention(step, probe, l,
                      op::AttentionWeights{variant, b.attention.qkv, width, shapes_.heads, shapes_.head_dim, scale,
                                           sequences, own, n, size.slots, b.attention.weights, b.attention.scratch});
    }
    if (shapes_.experts != 0) {
      moe_block<M>(step, shapes_, layer.moe, b.input, b.moe, x, n, experts_used_, eps, numerics,
                   router_of<M>(config_, l, layer.state));
      probe_router(step, probe, l, b.moe, n, experts_used_);
    } else {
      mlp_block<M>(step, shapes_, layer.mlp, b.input, b.inner, x, n, eps, numerics);
    }
    if (l + 1 < shapes_.layers) probe_hidden(step, probe, l + 1, x, n, hidden);
    if (l < config_.deepstack_layers && size.visual_rows != 0) {
      step("deepstack", op::ScatterAdd{d.visual, l + 1, d.visual_at, x, size.visual_rows, hidden});
    }
  }
  if (!last()) return;
  if constexpr (ProbesHidden<Probe>) {
    // As in transformers, the last hidden states are the output of the final norm.
    float* normed = BackendTypes<Backend>::floats(b.input);
    step("final norm", op::NormaliseFloats{norm_of<M>(final_norm_, eps), x, normed, n, hidden});
    probe_hidden(step, probe, shapes_.layers, normed, n, hidden);
  }
  if (size.logit_rows != 0) issue_head(step, b, size.logit_rows, numerics);
}

template <class M>
template <Step S>
void Decoder<M>::issue_head(S& step, const Buffers& b, std::size_t rows, Numerics numerics) const {
  const std::size_t hidden = shapes_.hidden;
  step("logit rows", op::Gather{b.x, b.inputs.logit_rows, b.last, rows, hidden});
  const RowsOf<Backend> in = BackendTypes<Backend>::rows(b.input, numerics, rows, hidden, rows, head());
  step("final norm", op::Normalise{norm_of<M>(final_norm_, config_.norm_eps), b.last, rows, hidden, in});
  step("head", op::Product{in, op::One{head()}, op::Store{b.logits, shapes_.vocab}});
}

template <class M>
template <Step S>
void Decoder<M>::issue_embedding(S& step, const Buffers& b, std::size_t rows, float* out) const {
  step("final norm", op::NormaliseFloats{norm_of<M>(final_norm_, config_.norm_eps), b.last, out, rows, shapes_.hidden});
}

template <class M>
template <class Loader>
void Decoder<M>::register_weights(const WeightSource& source, Loader& loader) {
  const std::size_t hidden = shapes_.hidden;
  const std::size_t vocab = shapes_.vocab;
  const std::size_t q = shapes_.heads * shapes_.head_dim;
  const std::size_t k = shapes_.kv_heads * shapes_.head_dim;
  const std::size_t head_dim = shapes_.head_dim;
  const auto& names = M::names;
  const auto get = [&](std::string_view name, std::initializer_list<std::size_t> shape) {
    return source.get(std::string(name), shape);
  };
  tied_ = !source.has(std::string(names.head));
  if (first() || (last() && tied_)) loader.matrix(embedding_, get(names.embedding, {vocab, hidden}));
  if (last()) loader.vector(final_norm_, get(names.final_norm, {hidden}));
  if (last() && !tied_) loader.matrix(head_, get(names.head, {vocab, hidden}));
  layers_.resize(range_.end - range_.begin);
  for (std::size_t own = 0; own < layers_.size(); ++own) {
    const std::size_t l = range_.begin + own;
    const auto of_layer = [&](std::string_view name, std::initializer_list<std::size_t> shape) {
      return source.get(names.layer(l, name), shape);
    };
    AttentionWeights<Backend>& a = layers_[own].attention;
    loader.vector(a.norm, of_layer(names.attention_norm, {hidden}));
    if constexpr (M::has_qk_norm) {
      loader.vector(a.q_norm, of_layer(names.q_norm, {head_dim}));
      loader.vector(a.k_norm, of_layer(names.k_norm, {head_dim}));
    }
    if (source.has(names.layer(l, names.qkv))) {
      const SourceTensor fused = of_layer(names.qkv, {q + 2 * k, hidden});
      loader.matrix(a.q, fused.rows(0, q));
      loader.matrix(a.k, fused.rows(q, k));
      loader.matrix(a.v, fused.rows(q + k, k));
    } else {
      loader.matrix(a.q, of_layer(names.q, {q, hidden}));
      loader.matrix(a.k, of_layer(names.k, {k, hidden}));
      loader.matrix(a.v, of_layer(names.v, {k, hidden}));
    }
    if constexpr (has_qkv_bias<M>()) {
      loader.vector(a.q_bias, of_layer(names.q_bias, {q}));
      loader.vector(a.k_bias, of_layer(names.k_bias, {k}));
      loader.vector(a.v_bias, of_layer(names.v_bias, {k}));
    }
    loader.matrix(a.out, of_layer(names.attention_out, {hidden, q}));
    if (shapes_.experts != 0) {
      const std::size_t experts = shapes_.experts;
      const std::size_t ffn = shapes_.expert_ffn;
      MoeWeights<Backend>& w = layers_[own].moe;
      loader.vector(w.norm, of_layer(names.mlp_norm, {hidden}));
      loader.matrix(w.router, of_layer(names.router, {experts, hidden}));
      loader.experts(w.gate, of_layer(names.expert_gate, {experts, ffn, hidden}));
      loader.experts(w.up, of_layer(names.expert_up, {experts, ffn, hidden}));
      loader.experts(w.down, of_layer(names.expert_down, {experts, hidden, ffn}));
    } else {
      const std::size_t ffn = shapes_.ffn;
      MlpWeights<Backend>& w = layers_[own].mlp;
      loader.vector(w.norm, of_layer(names.mlp_norm, {hidden}));
      loader.matrix(w.gate, of_layer(names.gate, {ffn, hidden}));
      loader.matrix(w.up, of_layer(names.up, {ffn, hidden}));
      loader.matrix(w.down, of_layer(names.down, {hidden, ffn}));
    }
    if constexpr (requires { typename M::LayerState; }) {
      M::load_layer(layers_[own].state, config_, l, source, loader);
    }
  }
}

VLMT_END_NAMESPACE
