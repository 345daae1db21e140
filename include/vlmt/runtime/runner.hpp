// Runs a decoder over one sequence: prefill in chunks, decode token by token, with the KV cache kept in between.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/kv_format.hpp"
#include "vlmt/kernel/sampling.hpp"
#include "vlmt/model/sequence.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/nn/kv_cache.hpp"
#include "vlmt/nn/numerics.hpp"
#include "vlmt/nn/probe.hpp"

VLMT_BEGIN_NAMESPACE

/// Sizes and choices of a runner.
struct RunnerOptions {
  std::size_t context = 8192;  ///< longest sequence, prompt and answer together
  std::size_t chunk = 256;     ///< tokens of one prefill step
  std::size_t logit_rows = 1;  ///< rows of logits kept at once; scoring is faster with more
  Numerics numerics = Numerics::fast;
  std::optional<std::uint32_t> key_format = {};    ///< GGUF type number; the family's KvFormat if absent
  std::optional<std::uint32_t> value_format = {};  ///< likewise
};

/// Bytes of a runner's parts.
struct RunnerBytes {
  std::size_t kv_cache = 0;
  std::size_t workspace = 0;
};

/// One sequence on a model. All memory is taken at construction.
template <class M, Team T, class Probe = NoProbe>
class Runner {
 public:
  using Arch = typename M::Backend::Arch;

  /// `model` and `team` must outlive the runner. Throws InputError for formats or sizes that make no sense.
  Runner(const Vlm<M>& model, T& team, const RunnerOptions& options, Probe probe = {});
  Runner(Runner&&) noexcept = default;
  Runner& operator=(Runner&&) noexcept = default;

  /// What a runner with these options takes. Needs no weights.
  static RunnerBytes bytes(const Vlm<M>& model, const RunnerOptions& options, std::size_t members);

  const RunnerOptions& options() const noexcept { return options_; }
  /// The cells whose keys and values are in the cache.
  const Sequence& sequence() const noexcept { return sequence_; }
  std::size_t length() const noexcept { return sequence_.size(); }
  std::size_t room() const noexcept { return options_.context - length(); }
  Probe& probe() noexcept { return probe_; }
  const KvCache& kv_cache() const noexcept { return kv_; }
  const DecoderBuffers& buffers() const noexcept { return buffers_; }

  /// Logits (vocab) of the last cell.
  std::span<float> logits() const noexcept { return {buffers_.data.logits, model_->decoder().shapes().vocab}; }

  /// Takes note that the cache holds `sequence`, whose last cells somebody else has computed. Throws LimitError if it
  /// is longer than the context.
  void adopt(const Sequence& sequence);
  /// The same for one token behind the cells that are there.
  void adopt(int token) {
    check_room(length() + 1);
    sequence_.append(token);
  }

  /// Forgets the cells from n on.
  void truncate(std::size_t n) { sequence_.truncate(n); }

  /// Makes the cache hold `target`: the common prefix is kept, the rest is computed, and logits() are those of the last
  /// cell. `progress(done, total)` is called after every chunk and may throw to cancel; what was computed stays.
  /// Returns how many cells were computed. Throws LimitError if target is longer than the context.
  template <class Progress>
  std::size_t feed(const Sequence& target, Progress&& progress) {
    if (target.empty()) throw InputError("the prompt is empty");
    check_room(target.size());
    // The last cell is computed again even if it is there, for its logits.
    const std::size_t keep = std::min(sequence_.common_prefix(target), target.size() - 1);
    sequence_.truncate(keep);
    const std::size_t total = target.size() - keep;
    for (std::size_t first = keep; first < target.size();) {
      const std::size_t n = std::min(options_.chunk, target.size() - first);
      const bool last = first + n == target.size();
      const StepSize size = stage(target, first, n, last ? 1 : 0);
      if (last) buffers_.data.logit_rows[0] = static_cast<std::int32_t>(n - 1);
      run(size);
      first += n;
      sequence_.extend(target, first);
      progress(first - keep, total);
    }
    return total;
  }
  std::size_t feed(const Sequence& target) {
    return feed(target, [](std::size_t, std::size_t) {});
  }

  /// Computes one more token, then issues `more(step)` in the same parallel region, with logits() in place: sampling.
  /// Allocates nothing.
  template <class More>
  void decode(int token, More&& more) {
    check_room(length() + 1);
    stage_token(token);
    team_->run([&](Member& m) {
      StepNow step(m);
      model_->decoder().forward(step, buffers_, {1, 0, 1}, options_.numerics, probe_);
      more(step);
    });
    sequence_.append(token);
  }
  void decode(int token) {
    decode(token, [](auto&) {});
  }

  /// Runs `more(step)` on the team with logits() as they are.
  template <class More>
  void with_logits(More&& more) {
    team_->run([&](Member& m) {
      StepNow step(m);
      more(step);
    });
  }

  /// Natural log-probabilities of target's cells [first, size) given all before them; -inf for pictures. The cache
  /// holds `target` afterwards. `first` > 0.
  std::vector<float> score(const Sequence& target, std::size_t first);

  /// Final hidden states (hidden) of the last cell, normalised as the head sees them.
  std::vector<float> embedding();

  /// Another runner at the same place of the same sequence, on a team of its own. Copies the cache and logits().
  Runner fork_on(T& team) const;

  /// Writes the inputs of one decode step where its ops read them. For steps that are recorded and replayed.
  void stage_token(int token) noexcept;

 private:
  static const KvLeaf& leaf(std::optional<std::uint32_t> format);

  static RunnerOptions checked(const Vlm<M>& model, RunnerOptions o);

  static DecoderCapacity capacity(const RunnerOptions& o, std::size_t members) noexcept {
    return {o.chunk, o.logit_rows, o.context, 1, members};
  }

  void check_room(std::size_t cells) const;

  // Writes cells [first, first + n) of a sequence where the ops of a step read them.
  StepSize stage(const Sequence& s, std::size_t first, std::size_t n, std::size_t logit_rows);

  void run(StepSize size);

  const Vlm<M>* model_;
  T* team_;
  RunnerOptions options_;
  Probe probe_;
  KvCache kv_;
  Buffer workspace_;
  DecoderBuffers buffers_;
  Sequence sequence_;
};

template <class M, Team T, class Probe>
Runner<M, T, Probe>::Runner(const Vlm<M>& model, T& team, const RunnerOptions& options, Probe probe)
    : model_(&model), team_(&team), options_(checked(model, options)), probe_(std::move(probe)) {
  kv_ = KvCache(model.decoder().kv_shape(options_.context), leaf(options_.key_format), leaf(options_.value_format));
  workspace_ = Buffer(bytes(model, options_, team.size()).workspace);
  Carver carver(workspace_.data(), workspace_.bytes());
  buffers_ = model.decoder().take_buffers(carver, capacity(options_, team.size()));
  sequence_.reserve(options_.context);
}

template <class M, Team T, class Probe>
RunnerBytes Runner<M, T, Probe>::bytes(const Vlm<M>& model, const RunnerOptions& options, std::size_t members) {
  const RunnerOptions o = checked(model, options);
  Carver carver;
  model.decoder().take_buffers(carver, capacity(o, members));
  return {kv_cache_bytes(model.decoder().kv_shape(o.context), leaf(o.key_format), leaf(o.value_format)),
          carver.bytes()};
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::adopt(const Sequence& sequence) {
  check_room(sequence.size());
  sequence_.truncate(sequence_.common_prefix(sequence));
  sequence_.extend(sequence, sequence.size());
}

template <class M, Team T, class Probe>
std::vector<float> Runner<M, T, Probe>::score(const Sequence& target, std::size_t first) {
  if (first == 0 || first >= target.size()) throw InputError("nothing to score: text must follow other text");
  check_room(target.size());
  std::vector<float> scores(target.size() - first);
  std::vector<std::int32_t> wanted(options_.logit_rows);
  sequence_.truncate(std::min(sequence_.common_prefix(target), first - 1));
  const std::size_t vocab = model_->decoder().shapes().vocab;
  for (std::size_t at = sequence_.size(); at < target.size();) {
    const std::size_t n = std::min(options_.chunk, target.size() - at);
    run(stage(target, at, n, 0));
    // Row r holds the distribution of cell at + r + 1.
    std::size_t cell = std::max(first, at + 1);
    const std::size_t end = std::min(at + n + 1, target.size());
    while (cell < end) {
      const std::size_t rows = std::min(options_.logit_rows, end - cell);
      for (std::size_t i = 0; i < rows; ++i) {
        buffers_.data.logit_rows[i] = static_cast<std::int32_t>(cell + i - at - 1);
        wanted[i] = target.tokens()[cell + i];
      }
      float* out = scores.data() + (cell - first);
      const std::int32_t* targets = wanted.data();
      team_->run([&](Member& m) {
        StepNow step(m);
        model_->decoder().issue_head(step, buffers_, rows, options_.numerics);
        const float* logits = buffers_.data.logits;
        step([=](Member& member) noexcept { score_rows<Arch>(logits, rows, vocab, targets, out, member); });
      });
      cell += rows;
    }
    at += n;
    sequence_.extend(target, at);
  }
  return scores;
}

template <class M, Team T, class Probe>
std::vector<float> Runner<M, T, Probe>::embedding() {
  std::vector<float> out(model_->decoder().shapes().hidden);
  float* to = out.data();
  with_logits([&](auto& step) { model_->decoder().issue_embedding(step, buffers_, 1, to); });
  return out;
}

template <class M, Team T, class Probe>
Runner<M, T, Probe> Runner<M, T, Probe>::fork_on(T& team) const {
  Runner copy(*model_, team, options_, probe_);
  copy.kv_ = kv_.fork(length());
  copy.sequence_ = sequence_;
  std::copy_n(buffers_.data.logits, model_->decoder().shapes().vocab, copy.buffers_.data.logits);
  return copy;
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::stage_token(int token) noexcept {
  const StepData& d = buffers_.data;
  d.ids[0] = token;
  for (std::size_t a = 0; a < 3; ++a) d.positions[a] = sequence_.next_position();
  d.sequences.set(0, kv_, length(), 1);
  d.logit_rows[0] = 0;
}

template <class M, Team T, class Probe>
const KvLeaf& Runner<M, T, Probe>::leaf(std::optional<std::uint32_t> format) {
  if (!format) return kv_leaf_v<typename M::KvFormat, Arch>;
  const KvLeaf* found = find_kv_leaf<Arch>(*format);
  if (found == nullptr) {
    throw InputError("not a format of KV caches",
                     {{}, {}, "kv", "F16, F32, BF16, Q8_0 or Q4_0", "type " + std::to_string(*format)});
  }
  return *found;
}

template <class M, Team T, class Probe>
RunnerOptions Runner<M, T, Probe>::checked(const Vlm<M>& model, RunnerOptions o) {
  constexpr std::size_t most = std::size_t{1} << 24;
  if (o.context == 0 || o.context > most) {
    throw InputError("the context is out of range",
                     {{}, {}, "context", "1 to " + std::to_string(most), std::to_string(o.context)});
  }
  o.chunk = std::clamp<std::size_t>(o.chunk, 1, std::min<std::size_t>(o.context, 4096));
  o.logit_rows = std::clamp<std::size_t>(o.logit_rows, 1, o.chunk);
  static_cast<void>(model);
  return o;
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
StepSize Runner<M, T, Probe>::stage(const Sequence& s, std::size_t first, std::size_t n, std::size_t logit_rows) {
  const StepData& d = buffers_.data;
  for (std::size_t i = 0; i < n; ++i) {
    d.ids[i] = s.tokens()[first + i];
    for (std::size_t a = 0; a < 3; ++a) d.positions[i * 3 + a] = s.positions(a)[first + i];
  }
  d.sequences.set(0, kv_, first, n);
  const std::size_t hidden = model_->decoder().shapes().hidden;
  const std::size_t levels = model_->decoder().config().deepstack_layers;
  std::size_t visual = 0;
  for (const VisualSpan& span : s.visuals()) {
    if (span.begin >= first + n) break;
    VLMT_ASSERT(span.begin + span.tokens <= first || span.features != nullptr);
    const std::size_t begin = std::max(first, span.begin);
    const std::size_t end = std::min(first + n, span.begin + span.tokens);
    for (std::size_t cell = begin; cell < end; ++cell, ++visual) {
      d.ids[cell - first] = -1;
      d.visual_at[visual] = static_cast<std::int32_t>(cell - first);
      for (std::size_t l = 0; l <= levels; ++l) {
        std::copy_n(span.features->row(l, span.first_row + cell - span.begin), hidden,
                    d.visual + (l * buffers_.capacity.rows + visual) * hidden);
      }
    }
  }
  return {n, visual, logit_rows};
}

template <class M, Team T, class Probe>
void Runner<M, T, Probe>::run(StepSize size) {
  team_->run([&](Member& m) {
    StepNow step(m);
    model_->decoder().forward(step, buffers_, size, options_.numerics, probe_);
  });
}

VLMT_END_NAMESPACE
