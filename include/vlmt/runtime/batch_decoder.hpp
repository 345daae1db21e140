// Decodes one token for each of several sequences in one step, so that the weights are read once for all of them. The
// caller decides which sequences are batched, and when.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/executor.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/runtime/call_checks.hpp"
#include "vlmt/runtime/context_size.hpp"
#include "vlmt/runtime/decoder_workspace.hpp"
#include "vlmt/runtime/runner.hpp"

VLMT_BEGIN_NAMESPACE

/// Batched decode over runners that share a model. Each runner keeps its KV cache and its sequence and does its own
/// prefill. With the numerics of the runners, logits are bit-identical to those of each runner decoding alone. Probes
/// of the runners are not called.
template <class M, Team T>
class BatchDecoder {
 public:
  using Backend = typename M::Backend;

  /// For up to `sequences` runners (1 to 4096) with contexts of up to `context` tokens (1 to 2^24). Model and team must
  /// outlive it and must not be moved while it lives. Allocates all memory here. Throws InputError for a model that is
  /// not loaded and for sizes out of range.
  BatchDecoder(const Vlm<M>& model, T& team, std::size_t sequences, std::size_t context,
               Numerics numerics = Numerics::fast)
      : model_(&model), executor_(team), capacity_(checked(sequences, context, team.size())), numerics_(numerics) {
    model.require_loaded();
    workspace_ = DecoderWorkspace<M>(model.decoder(), capacity_);
  }

  BatchDecoder(const Vlm<M>&&, T&, std::size_t, std::size_t, Numerics = Numerics::fast) = delete;  // vlmt: as Runner

  /// Bytes it allocates on a team of `members` threads. Reads no weights. Throws InputError for sizes out of range.
  static std::size_t bytes(const Vlm<M>& model, std::size_t sequences, std::size_t context, std::size_t members) {
    return DecoderWorkspace<M>::bytes(model.decoder(), checked(sequences, context, members));
  }

  std::size_t max_sequences() const noexcept { return capacity_.sequences; }

  /// Appends tokens[i] to the sequence of runners[i], for all i in one step, then issues `more(step)` in the same
  /// parallel region, with all logits in place. Read them with logits(i): the runners have none afterwards. Throws
  /// InputError unless there are 1 to max_sequences() different runners of this model and one token of its vocabulary
  /// for each, LimitError if a runner has no room or a larger context than this decoder, Cancelled if `stop` is set. No
  /// sequence has changed then.
  template <class Probe, class More>
  void decode(std::span<Runner<M, T, Probe>* const> runners, std::span<const int> tokens, More&& more,
              const StopFlag* stop = nullptr) {
    const StepSize size = prepare(runners, tokens);
    const auto compute = [&](auto& step) {
      NoProbe probe;
      model_->decoder().forward(step, buffers(), size, numerics_, probe);
      more(step);
    };
    executor_.run(compute, stop);
    for (std::size_t i = 0; i < runners.size(); ++i) runners[i]->adopt(tokens[i]);
  }
  template <class Probe>
  void decode(std::span<Runner<M, T, Probe>* const> runners, std::span<const int> tokens) {
    decode(runners, tokens, [](auto&) {});
  }

  /// Fills the input buffers of the step, for callers that issue the step themselves, for example to record it. Throws
  /// as decode() does.
  template <class Probe>
  StepSize prepare(std::span<Runner<M, T, Probe>* const> runners, std::span<const int> tokens) const {
    if (workspace_.empty()) throw InputError("the batch decoder was moved to another object");
    model_->require_loaded();
    check(runners, tokens);
    const StepInputs<Backend>& in = workspace_.inputs();
    for (std::size_t i = 0; i < runners.size(); ++i) {
      const Runner<M, T, Probe>& r = *runners[i];
      in.ids[i] = tokens[i];
      std::fill_n(in.positions + i * Decoder<M>::axes, Decoder<M>::axes, r.sequence().next_position());
      in.sequences.set(i, r.kv_cache(), r.length(), 1, RowKind::generated);
      in.logit_rows[i] = static_cast<std::int32_t>(i);
    }
    workspace_.send();
    return {runners.size(), 0, runners.size(), runners.size()};
  }
  const DecoderBuffers<Backend>& buffers() const noexcept { return workspace_.buffers(); }

  /// Logits (vocab) of the i-th runner in the last step. Valid until the next call.
  std::span<const float> logits(std::size_t i) const {
    const std::size_t vocab = model_->decoder().shapes().vocab;
    return executor_.fetch(buffers().logits + i * vocab, vocab, fetched_);
  }

 private:
  static DecoderCapacity checked(std::size_t sequences, std::size_t context, std::size_t members) {
    checked_option("sequences", sequences, 1, max_step_rows);
    checked_option("context", context, 1, max_context);
    return {sequences, sequences, context, sequences, members};
  }

  template <class Probe>
  void check(std::span<Runner<M, T, Probe>* const> runners, std::span<const int> tokens) const {
    if (runners.empty() || runners.size() > max_sequences() || tokens.size() != runners.size()) {
      throw InputError("a step takes one token for each of its sequences",
                       {{},
                        {},
                        "sequences",
                        "1 to " + std::to_string(max_sequences()),
                        std::to_string(runners.size()) + " and " + std::to_string(tokens.size()) + " tokens"});
    }
    for (std::size_t i = 0; i < runners.size(); ++i) {
      const Runner<M, T, Probe>* r = runners[i];
      check_token(tokens[i], model_->decoder().shapes().vocab);
      r->require_usable();
      const auto others = runners.first(i);
      if (&r->model() != model_ || std::find(others.begin(), others.end(), r) != others.end()) {
        throw InputError("the runners of a step must be different ones of its model",
                         {{}, {}, "runners[" + std::to_string(i) + "]", {}, {}});
      }
      if (r->room() == 0 || r->options().context > capacity_.context) {
        throw LimitError("a sequence does not fit",
                         {{},
                          {},
                          "context",
                          "room for one more token, at most " + std::to_string(capacity_.context) + " in all",
                          std::to_string(r->length()) + " of " + std::to_string(r->options().context)});
      }
    }
  }

  const Vlm<M>* model_;
  TeamExecutor<Backend, T> executor_;
  DecoderCapacity capacity_;
  Numerics numerics_;
  DecoderWorkspace<M> workspace_;
  mutable std::vector<float> fetched_;
};

VLMT_END_NAMESPACE
