// Runs a decoder over one sequence: prefill in chunks, then decode token by token. The KV cache persists between calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/in_use.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/executor.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/model/sequence.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/copy_cells.hpp"
#include "vlmt/runtime/call_checks.hpp"
#include "vlmt/runtime/context_size.hpp"
#include "vlmt/runtime/decoder_workspace.hpp"
#include "vlmt/runtime/memory_plan.hpp"
#include "vlmt/runtime/runner_options.hpp"

VLMT_BEGIN_NAMESPACE

/// Runs one sequence on a model. KV cache and workspace are allocated at construction.
///
/// Not thread-safe: a call during another one, from its callback or from a second thread, throws InputError, as does a
/// call of a runner that was moved to another object. Token ids and features are checked before anything is computed:
/// InputError names an id that is not below the vocabulary, or features that are missing or do not fit the model.
///
/// Calls with a StopFlag throw Cancelled soon after it is set. Cells of the interrupted step are not counted.
template <class M, Team T, class Probe = NoProbe>
class Runner {
 public:
  using Backend = typename M::Backend;
  using Executor = TeamExecutor<Backend, T>;

  /// `model` must be loaded. Model and team must outlive the runner and must not be moved while it lives. Throws
  /// InputError for a model that is not loaded, an option out of range or an unsupported KV format, LimitError if it
  /// does not fit into the memory that the model was loaded for (check_fits_beside).
  Runner(const Vlm<M>& model, T& team, const RunnerOptions& options, Probe probe = {});
  Runner(const Vlm<M>&&, T&, const RunnerOptions&, Probe = {}) = delete;  // vlmt: the model must outlive its runner
  Runner(Runner&&) noexcept = default;
  Runner& operator=(Runner&&) noexcept = default;

  /// Bytes of a runner with these options on a team of `members` threads. Reads no weights. Throws InputError for an
  /// option out of range or an unsupported KV format.
  static RunnerBytes bytes(const Vlm<M>& model, const RunnerOptions& options, std::size_t members);

  const RunnerOptions& options() const noexcept { return options_; }
  /// The cells whose keys and values are in the cache.
  const Sequence& sequence() const noexcept { return sequence_; }
  std::size_t length() const noexcept { return sequence_.size(); }
  std::size_t room() const noexcept { return options_.context - length(); }
  const Vlm<M>& model() const noexcept { return *model_; }
  Probe& probe() noexcept { return probe_; }
  const Probe& probe() const noexcept { return probe_; }
  const KvCacheOf<Backend>& kv_cache() const noexcept { return kv_; }
  const DecoderBuffers<Backend>& buffers() const noexcept { return workspace_.buffers(); }
  const Executor& executor() const noexcept { return executor_; }

  /// Throws InputError if the runner was moved to another object, or its model was.
  void require_usable() const {
    if (workspace_.empty()) throw InputError("the runner was moved to another object");
    model_->require_loaded();
  }

  /// Logits (vocab) of the last cell, from feed(), decode() or score(), as changed by what ran since: a sampler applies
  /// processors and penalties in place. Asserts that they are those of the last cell. They are not before the first of
  /// these calls, nor after truncate(), adopt() or a call that threw. Valid until the next call.
  std::span<const float> logits() const {
    VLMT_ASSERT(has_output());
    return executor_.fetch(buffers().logits, vocab(), fetched_);
  }
  /// The same in memory of the backend, for ops.
  float* logits_of_ops() const {
    VLMT_ASSERT(has_output());
    return buffers().logits;
  }

  /// Declares that the cache holds `sequence`, for callers that have computed its last cells themselves. Throws
  /// LimitError if it is longer than the context, InputError for a bad token.
  void adopt(const Sequence& sequence);
  /// The same for one more token.
  void adopt(int token) {
    const InUse::Call call = begin_call();
    check_token(token, vocab());
    check_room(length() + 1);
    has_output_ = false;
    sequence_.append(token);
  }

  /// Drops the cells from n on; does nothing if there are none.
  void truncate(std::size_t n) {
    const InUse::Call call = begin_call();
    if (n >= length()) return;
    has_output_ = false;
    sequence_.truncate(n);
  }

  /// Makes the cache hold `target`: keeps the common prefix, drops the rest, and computes the remaining cells in
  /// chunks. logits() are then those of the last cell. `progress(done, total)` is called after every chunk and may
  /// throw to cancel; the cache keeps the chunks computed so far. Returns the number of computed cells, at least 1.
  /// Throws InputError if `target` is empty, LimitError if it is longer than the context. Then nothing has changed.
  template <class Progress>
  std::size_t feed(const Sequence& target, Progress&& progress, const StopFlag* stop = nullptr) {
    const InUse::Call call = begin_call();
    if (target.empty()) throw InputError("the prompt is empty");
    check_room(target.size());
    // The last cell is computed again even if it is cached: its logits are needed.
    const std::size_t keep = std::min(sequence_.common_prefix(target), target.size() - 1);
    check(target, keep);
    has_output_ = false;
    sequence_.truncate(keep);
    const std::size_t total = target.size() - keep;
    for (std::size_t first = keep; first < target.size();) {
      const std::size_t n = std::min(options_.chunk, target.size() - first);
      const bool last = first + n == target.size();
      run(write_inputs(target, first, n, last ? 1 : 0, RowKind::prompt), stop);
      first += n;
      sequence_.extend(target, first);
      has_output_ = last;
      progress(first - keep, total);
    }
    return total;
  }
  std::size_t feed(const Sequence& target) {
    return feed(target, [](std::size_t, std::size_t) {});
  }

  /// Computes one more token, then issues `more(step)` (sampling, for example) in the same parallel region, with
  /// logits() in place. Allocates nothing. Throws LimitError if the context is full. The sequence is as before if this
  /// or `more` throws.
  template <class More>
  void decode(int token, More&& more, const StopFlag* stop = nullptr) {
    const InUse::Call call = begin_call();
    check_token(token, vocab());
    check_room(length() + 1);
    write_token(token);
    const auto compute = [&](auto& step) {
      model_->decoder().forward(step, buffers(), {1, 0, 1, 1, length() + 1}, options_.numerics, probe_);
      more(step);
    };
    has_output_ = true;  // for `more`
    try {
      executor_.run(compute, stop);
    } catch (...) {
      has_output_ = false;
      throw;
    }
    sequence_.append(token);
  }
  void decode(int token) {
    decode(token, [](auto&) {});
  }

  /// Runs `more(step)` on the team, with the logits that the last step left. `progress` of feed() may call it.
  template <class More>
  void with_logits(More&& more, const StopFlag* stop = nullptr) {
    require_usable();
    executor_.run(more, stop);
  }

  /// Logits (n, vocab) of the first n rows of the last step, at most logit_rows; for `progress` of feed(), which is
  /// called after every chunk. logits() are then those of the last of these rows.
  std::vector<float> logits_of_rows(std::size_t n, const StopFlag* stop = nullptr);

  /// Writes the inputs of a step over cells [first, first + n) of a sequence, without running it, for callers that
  /// issue the step themselves, for example to record it. The last cell gets logits. Throws as feed() does.
  StepSize prepare(const Sequence& sequence, std::size_t first, std::size_t n, RowKind kind) {
    const InUse::Call call = begin_call();
    check_room(first + n);
    check(sequence, first);
    return write_inputs(sequence, first, n, 1, kind);
  }

  /// Natural log-probabilities of target's cells [first, size), each given all cells before it. An image has none: its
  /// cells are -inf, and cells after it are given the image. The cache holds `target` afterwards, and logits() are
  /// those of its last cell. Throws InputError unless 0 < first < target.size(), LimitError if target is longer than
  /// the context; then nothing has changed.
  std::vector<float> score(const Sequence& target, std::size_t first, const StopFlag* stop = nullptr);

  /// Hidden state (hidden) of the last cell after the final norm, the input of the head. Asserts as logits() does.
  std::vector<float> embedding();

  /// A copy that continues the same sequence on another team. Copies the KV cache, logits() and embedding().
  Runner fork_on(T& team) const;

 private:
  void write_token(int token);

  static RunnerOptions checked(RunnerOptions o);

  static DecoderCapacity capacity(const RunnerOptions& o, std::size_t members) noexcept {
    return {o.chunk, o.logit_rows, o.context, 1, members, ProbesAttention<Probe> ? o.context : 0};
  }

  std::size_t vocab() const noexcept { return model_->decoder().shapes().vocab; }

  bool has_output() const noexcept { return has_output_ && !workspace_.empty() && model_->loaded(); }

  InUse::Call begin_call() const;

  void check_room(std::size_t cells) const;

  // Checks the cells of `target` that are to be computed.
  void check(const Sequence& target, std::size_t keep) const {
    const auto& decoder = model_->decoder();
    check_cells(target, keep, decoder.shapes().vocab, decoder.config().deepstack_layers, decoder.shapes().hidden,
                memory_space<Backend>);
  }

  // Computes the log-probabilities of cells [begin, end) of `target` after a step over cells [at, ...). scores[0] is
  // that of cell `first`. Image cells are skipped.
  void score_step(const Sequence& target, std::size_t at, std::size_t begin, std::size_t end, std::size_t first,
                  std::span<float> scores, const StopFlag* stop);

  // Writes cells [first, first + n) of a sequence into the inputs of a step. logit_rows: 1 for the last cell, or 0.
  StepSize write_inputs(const Sequence& s, std::size_t first, std::size_t n, std::size_t logit_rows, RowKind kind);

  void run(StepSize size, const StopFlag* stop);

  const Vlm<M>* model_;
  Executor executor_;
  RunnerOptions options_;
  Probe probe_;
  KvCacheOf<Backend> kv_;
  DecoderWorkspace<M> workspace_;
  Sequence sequence_;
  bool has_output_ = false;  // the workspace holds logits and hidden state of the last cell
  mutable std::vector<float> fetched_;
  mutable InUse in_use_;
};

template <class M, Team T, class Probe>
Runner<M, T, Probe>::Runner(const Vlm<M>& model, T& team, const RunnerOptions& options, Probe probe)
    : model_(&model), executor_(team), options_(checked(options)), probe_(std::move(probe)) {
  model.require_loaded();
  MemoryPlan plan;
  const RunnerBytes own = bytes(model, options_, team.size());
  if (!model.weights_mapped()) plan.weights = model.weight_bytes();
  plan.kv_cache = own.kv_cache;
  plan.workspace = own.workspace;
  check_fits_beside(model, plan);
  using Types = BackendTypes<Backend>;
  kv_ = KvCacheOf<Backend>(model.decoder().kv_shape(options_.context),
                           Types::template cache_format<typename M::KvFormat>(options_.key_format),
                           Types::template cache_format<typename M::KvFormat>(options_.value_format));
  workspace_ = DecoderWorkspace<M>(model.decoder(), capacity(options_, team.size()));
  sequence_.reserve(options_.context);
}

template <class M, Team T, class Probe>
RunnerBytes Runner<M, T, Probe>::bytes(const Vlm<M>& model, const RunnerOptions& options, std::size_t members) {
  using Types = BackendTypes<Backend>;
  const RunnerOptions o = checked(options);
  return {kv_cache_bytes(model.decoder().kv_shape(o.context),
                         Types::template cache_format<typename M::KvFormat>(o.key_format),
                         Types::template cache_format<typename M::KvFormat>(o.value_format)),
          DecoderWorkspace<M>::bytes(model.decoder(), capacity(o, members))};
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::adopt(const Sequence& sequence) {
  const InUse::Call call = begin_call();
  check_room(sequence.size());
  for (const int token : sequence.tokens()) check_token(token, vocab());
  has_output_ = false;
  sequence_.truncate(sequence_.common_prefix(sequence));
  sequence_.extend(sequence, sequence.size());
}

template <class M, Team T, class Probe>
std::vector<float> Runner<M, T, Probe>::score(const Sequence& target, std::size_t first, const StopFlag* stop) {
  const InUse::Call call = begin_call();
  if (first == 0 || first >= target.size()) throw InputError("nothing to score: the text must follow a context");
  check_room(target.size());
  const std::size_t keep = std::min(sequence_.common_prefix(target), first - 1);
  check(target, keep);
  std::vector<float> scores(target.size() - first, -std::numeric_limits<float>::infinity());
  has_output_ = false;
  sequence_.truncate(keep);
  for (std::size_t at = keep; at < target.size();) {
    const std::size_t n = std::min(options_.chunk, target.size() - at);
    run(write_inputs(target, at, n, 0, RowKind::prompt), stop);
    // Row r holds the distribution of cell at + r + 1.
    score_step(target, at, std::max(first, at + 1), std::min(at + n + 1, target.size()), first, scores, stop);
    at += n;
    sequence_.extend(target, at);
    if (at != target.size()) continue;
    workspace_.inputs().logit_rows[0] = static_cast<std::int32_t>(n - 1);
    workspace_.send();
    executor_.run([&](auto& step) { model_->decoder().issue_head(step, buffers(), 1, options_.numerics); }, stop);
    has_output_ = true;
  }
  return scores;
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::score_step(const Sequence& target, std::size_t at, std::size_t begin, std::size_t end,
                                     std::size_t first, std::span<float> scores, const StopFlag* stop) {
  const StepInputs<Backend>& in = workspace_.inputs();
  std::vector<std::size_t> cells(options_.logit_rows);
  std::vector<float> values(options_.logit_rows);
  auto image = target.visuals().begin();
  for (std::size_t cell = begin; cell < end;) {
    std::size_t rows = 0;
    for (; cell < end && rows < options_.logit_rows; ++cell) {
      while (image != target.visuals().end() && image->begin + image->tokens <= cell) ++image;
      if (image != target.visuals().end() && image->begin <= cell) continue;
      in.logit_rows[rows] = static_cast<std::int32_t>(cell - at - 1);
      in.targets[rows] = target.tokens()[cell];
      cells[rows++] = cell;
    }
    if (rows == 0) return;
    workspace_.send();
    const auto compute = [&](auto& step) {
      model_->decoder().issue_head(step, buffers(), rows, options_.numerics);
      model_->decoder().issue_scores(step, buffers(), rows);
    };
    executor_.run(compute, stop);
    executor_.get(values.data(), buffers().scores, rows);
    for (std::size_t i = 0; i < rows; ++i) scores[cells[i] - first] = values[i];
  }
}

template <class M, Team T, class Probe>
std::vector<float> Runner<M, T, Probe>::embedding() {
  VLMT_ASSERT(has_output());
  const InUse::Call call = begin_call();
  std::vector<float> out(model_->decoder().shapes().hidden);
  float* normed = BackendTypes<Backend>::floats(buffers().input);
  executor_.run([&](auto& step) { model_->decoder().issue_embedding(step, buffers(), 1, normed); });
  executor_.get(out.data(), normed, out.size());
  return out;
}

template <class M, Team T, class Probe>
std::vector<float> Runner<M, T, Probe>::logits_of_rows(std::size_t n, const StopFlag* stop) {
  require_usable();
  checked_option("rows", n, 1, options_.logit_rows);
  for (std::size_t i = 0; i < n; ++i) workspace_.inputs().logit_rows[i] = static_cast<std::int32_t>(i);
  workspace_.send();
  executor_.run([&](auto& step) { model_->decoder().issue_head(step, buffers(), n, options_.numerics); }, stop);
  std::vector<float> logits(n * vocab());
  executor_.get(logits.data(), buffers().logits, logits.size());
  return logits;
}

template <class M, Team T, class Probe>
Runner<M, T, Probe> Runner<M, T, Probe>::fork_on(T& team) const {
  const InUse::Call call = begin_call();
  Runner copy(*model_, team, options_, probe_);
  const op::CopyCells cells{kv_.layout(), kv_.data(), copy.kv_.data(), kv_.shape().layers, length()};
  copy.executor_.run([&](auto& step) { step("fork", cells); });
  copy.sequence_ = sequence_;
  copy.has_output_ = has_output_;
  if (!has_output_) return copy;
  // Through the host: a fork is rare, and these are two rows.
  std::vector<float> row;
  const auto copy_row = [&](const float* from, float* to, std::size_t n) {
    const std::span<const float> values = executor_.fetch(from, n, row);
    copy.executor_.put(to, values.data(), n);
  };
  copy_row(buffers().logits, copy.buffers().logits, vocab());
  copy_row(buffers().last, copy.buffers().last, model_->decoder().shapes().hidden);
  return copy;
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::write_token(int token) {
  const StepInputs<Backend>& in = workspace_.inputs();
  in.ids[0] = token;
  std::fill_n(in.positions, Decoder<M>::axes, sequence_.next_position());
  in.sequences.set(0, kv_, length(), 1, RowKind::generated);
  in.logit_rows[0] = 0;
  workspace_.send();
}

template <class M, Team T, class Probe>
RunnerOptions Runner<M, T, Probe>::checked(RunnerOptions o) {
  checked_option("context", o.context, 1, max_context);
  o.chunk = std::min(checked_option("chunk", o.chunk, 1, max_step_rows), o.context);
  o.logit_rows = std::min(checked_option("logit_rows", o.logit_rows, 1, max_step_rows), o.chunk);
  return o;
}

template <class M, Team T, class Probe>
InUse::Call Runner<M, T, Probe>::begin_call() const {
  require_usable();
  return {in_use_, "the runner is computing: its callbacks and other threads must not call it"};
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::check_room(std::size_t cells) const {
  if (cells > options_.context) {
    throw LimitError(
        "the prompt is longer than the context",
        {{}, {}, "context", "at most " + std::to_string(options_.context) + " tokens", std::to_string(cells)});
  }
}

template <class M, Team T, class Probe>
StepSize Runner<M, T, Probe>::write_inputs(const Sequence& s, std::size_t first, std::size_t n, std::size_t logit_rows,
                                           RowKind kind) {
  constexpr std::size_t axes = Decoder<M>::axes;
  const StepInputs<Backend>& in = workspace_.inputs();
  for (std::size_t i = 0; i < n; ++i) {
    in.ids[i] = s.tokens()[first + i];
    for (std::size_t a = 0; a < axes; ++a) in.positions[i * axes + a] = s.positions(a)[first + i];
  }
  in.sequences.set(0, kv_, first, n, kind);
  if (logit_rows != 0) in.logit_rows[0] = static_cast<std::int32_t>(n - 1);
  std::size_t visual = 0;
  for (const VisualSpan& span : s.visuals()) {
    if (span.begin >= first + n) break;
    const std::size_t begin = std::max(first, span.begin);
    const std::size_t end = std::min(first + n, span.begin + span.tokens);
    for (std::size_t cell = begin; cell < end; ++cell, ++visual) {
      in.ids[cell - first] = -1;
      in.visual_at[visual] = static_cast<std::int32_t>(cell - first);
      in.visual[visual] = span.features->row(span.first_row + cell - span.begin);
    }
  }
  workspace_.send();
  return {n, visual, logit_rows, 1, first + n};
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::run(StepSize size, const StopFlag* stop) {
  executor_.run([&](auto& step) { model_->decoder().forward(step, buffers(), size, options_.numerics, probe_); }, stop);
}

VLMT_END_NAMESPACE
