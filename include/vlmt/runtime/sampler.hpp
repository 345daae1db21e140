// Chooses the next token, as ops on a Step: penalties, temperature, top-k, top-p, min-p, log-probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/input_block.hpp"
#include "vlmt/exec/step.hpp"
#include "vlmt/op/host.hpp"
#include "vlmt/op/sample.hpp"
#include "vlmt/runtime/call_checks.hpp"

VLMT_BEGIN_NAMESPACE

/// Changes logits (vocab) in place before a token is chosen. `tokens` are those of prompt and answer so far. Called on
/// one thread of the team.
using LogitProcessor = std::function<void(std::span<float> logits, std::span<const int> tokens)>;

/// How tokens are chosen. Temperature, top-k and top-p default to the values recommended for Qwen3-VL-Instruct.
struct SamplingOptions {
  SamplingParams params{.temperature = 0.7f, .top_k = 20, .top_p = 0.8f};
  std::optional<std::uint64_t> seed = {};       ///< the same seed gives the same tokens; random if absent
  std::vector<LogitProcessor> processors = {};  ///< run in order, before penalties; empty ones are skipped
  std::size_t top_log_probs = 0;                ///< most likely tokens to report for each position, at most 64
  bool log_probs = false;                       ///< report the log-probability of each token

  /// Always the most likely token.
  static SamplingOptions greedy() { return {.params = {.temperature = 0.0f}}; }
};

/// A token with its natural log-probability and the most likely tokens at its position: at temperature 1, after
/// processors and before penalties.
struct TokenLogProb {
  int token = -1;
  float log_prob = 0.0f;
  std::vector<TokenLogit> top;
};

/// Throws InputError if an option is out of its range.
void check(const SamplingOptions& o);

/// Chooses tokens from logits (vocab) in memory of backend B. Allocates at construction; issue(), accept() and allow()
/// allocate nothing, though a processor may. Not thread-safe.
template <Backend B = Cpu<>>
class Sampler {
 public:
  /// For sequences of up to `context` tokens.
  Sampler(std::size_t vocab, std::size_t context)
      : vocab_(vocab), listed_(std::min(vocab, context)), memory_(memory_bytes(vocab, listed_)), slot_(vocab, -1) {
    Carver carver(memory_.data(), memory_.bytes());
    ops_ = Inputs::take(carver, vocab, listed_);
    block_ = InputBlock<B>(memory_.data(), carver.bytes());
    Carver host = block_.carver();
    host_ = Inputs::take(host, vocab, listed_);
    state_ = State::take(carver, vocab, listed_);
    history_.reserve(context);
  }

  /// Bytes of its tables, for the memory plan.
  static std::size_t bytes(std::size_t vocab, std::size_t context) {
    return memory_bytes(vocab, std::min(vocab, context)) + vocab * sizeof(std::int32_t) + context * sizeof(int);
  }

  /// Starts a new answer after `tokens`, all of which are allowed. Keeps a pointer to `options`, which must outlive the
  /// answer. Throws InputError if an option is out of range or a token is not in the vocabulary.
  void begin(const SamplingOptions& options, std::span<const int> tokens);

  /// Adds a token to the history that penalties and processors use. Throws InputError if it is not in the vocabulary.
  void accept(int token) {
    check_token(token, vocab_);
    add(token);
    block_.send();
  }

  /// Restricts the choice to the tokens whose bit in `mask` is set, bit t % 32 of word t / 32, until it is called
  /// again; an empty mask allows all. Throws InputError unless the mask has mask_words(vocab) words.
  void allow(std::span<const std::uint32_t> mask);

  /// Issues the ops that choose a token from `logits` (vocab); result() holds it once they have run. The mask,
  /// processors and penalties change `logits` in place.
  template <Step S>
  void issue(S& step, float* logits) {
    if (!options_->processors.empty()) {
      step("logit processors", op::Host{[this](const HostRows<float>& row) {
                                          for (const LogitProcessor& p : options_->processors) {
                                            if (p) p({row.data, row.cols}, history_);
                                          }
                                        },
                                        HostRows<float>{logits, 1, vocab_}});
    }
    step("sample", op::Sample{logits,
                              vocab_,
                              masked_ ? ops_.allowed : nullptr,
                              ops_.params,
                              {ops_.tokens, ops_.counts, state_.saved, ops_.listed},
                              penalised(),
                              state_.blocks,
                              state_.candidates,
                              state_.rng,
                              &state_.result->sampled,
                              wants_log_probs() ? &state_.result->log_prob : nullptr,
                              state_.result->top,
                              std::min(options_->top_log_probs, vocab_)});
  }

  /// The chosen token. Throws Error if every logit was NaN or -inf.
  int result() const {
    const SampledToken sampled = fetch(&state_.result->sampled);
    if (sampled.status != SamplingStatus::Ok) throw Error("the model's logits are not numbers");
    return sampled.token;
  }

  /// The chosen token with its log-probabilities. Valid only if the options request them.
  TokenLogProb log_probs() const {
    const Result result = fetch(state_.result);
    const auto n = static_cast<std::ptrdiff_t>(std::min(options_->top_log_probs, vocab_));
    return {result.sampled.token, result.log_prob, {result.top, result.top + n}};
  }

 private:
  static constexpr std::size_t most_top = 64;

  /// What the host writes.
  struct Inputs {
    SamplingParams* params = nullptr;
    std::int32_t* listed = nullptr;    ///< tokens that penalties apply to
    std::int32_t* tokens = nullptr;    ///< these tokens
    std::int32_t* counts = nullptr;    ///< and how often each occurred
    std::uint32_t* allowed = nullptr;  ///< mask of the vocabulary

    static Inputs take(Carver& carver, std::size_t vocab, std::size_t listed) {
      Inputs in;
      in.params = carver.take<SamplingParams>(1);
      in.listed = carver.take<std::int32_t>(1);
      in.tokens = carver.take<std::int32_t>(listed);
      in.counts = carver.take<std::int32_t>(listed);
      in.allowed = carver.take<std::uint32_t>(mask_words(vocab));
      return in;
    }
  };

  struct Result {
    SampledToken sampled;
    float log_prob = 0.0f;
    TokenLogit top[most_top];
  };

  /// What ops write.
  struct State {
    Result* result = nullptr;
    SamplerRng* rng = nullptr;
    float* saved = nullptr;
    LogitBlock* blocks = nullptr;
    TokenLogit* candidates = nullptr;

    static State take(Carver& carver, std::size_t vocab, std::size_t listed) {
      State s;
      s.result = carver.take<Result>(1);
      s.rng = carver.take<SamplerRng>(1);
      s.saved = carver.take<float>(listed);
      s.blocks = carver.take<LogitBlock>(logit_blocks(vocab));
      s.candidates = carver.take<TokenLogit>(vocab);
      return s;
    }
  };

  static std::size_t memory_bytes(std::size_t vocab, std::size_t listed) {
    Carver count;
    Inputs::take(count, vocab, listed);
    State::take(count, vocab, listed);
    return count.bytes();
  }

  template <class V>
  static V fetch(const V* from) {
    V value;
    B::get(&value, from, sizeof(V));
    return value;
  }

  void add(int token) noexcept;

  bool penalised() const noexcept {
    const SamplingParams& p = options_->params;
    return p.repetition != 1.0f || p.presence != 0.0f || p.frequency != 0.0f;
  }
  bool wants_log_probs() const noexcept { return options_->log_probs || options_->top_log_probs != 0; }

  std::size_t vocab_;
  std::size_t listed_;  ///< most tokens that penalties apply to
  typename B::Memory memory_;
  InputBlock<B> block_;
  Inputs host_;
  Inputs ops_;
  State state_;
  const SamplingOptions* options_ = nullptr;
  bool masked_ = false;
  std::vector<std::int32_t> slot_;  ///< index of each token in the penalty list, or -1
  std::vector<int> history_;
};

template <Backend B>
void Sampler<B>::begin(const SamplingOptions& options, std::span<const int> tokens) {
  check(options);
  for (const int t : tokens) check_token(t, vocab_);
  options_ = &options;
  masked_ = false;
  *host_.params = options.params;
  for (std::int32_t i = 0; i < *host_.listed; ++i) slot_[static_cast<std::size_t>(host_.tokens[i])] = -1;
  *host_.listed = 0;
  history_.clear();
  for (int t : tokens) add(t);
  block_.send();
  const SamplerRng rng{options.seed ? *options.seed : std::random_device{}() * 0x9e3779b97f4a7c15u, 0};
  B::put(state_.rng, &rng, sizeof(rng));
}

template <Backend B>
void Sampler<B>::allow(std::span<const std::uint32_t> mask) {
  masked_ = !mask.empty();
  if (!masked_) return;
  if (mask.size() != mask_words(vocab_)) {
    throw InputError("the mask is not one of this vocabulary",
                     {{}, {}, "mask", std::to_string(mask_words(vocab_)) + " words", std::to_string(mask.size())});
  }
  std::copy(mask.begin(), mask.end(), host_.allowed);
  block_.send();
}

template <Backend B>
void Sampler<B>::add(int token) noexcept {
  if (history_.size() < history_.capacity()) history_.push_back(token);
  if (!penalised()) return;
  std::int32_t& slot = slot_[static_cast<std::size_t>(token)];
  if (slot < 0) {
    if (static_cast<std::size_t>(*host_.listed) == listed_) return;
    slot = (*host_.listed)++;
    host_.tokens[slot] = token;
    host_.counts[slot] = 0;
  }
  ++host_.counts[slot];
}

#if VLMT_HAS_BODIES

VLMT_BODY void check(const SamplingOptions& o) {
  const auto refuse = [](const char* field, const char* expected, double found) {
    throw InputError("the sampling option is out of range", {{}, {}, field, expected, std::to_string(found)});
  };
  const SamplingParams& p = o.params;
  if (!(p.temperature >= 0.0f && p.temperature <= 100.0f)) refuse("temperature", "0 to 100", p.temperature);
  if (p.top_k < 0) refuse("top_k", "0 or more", p.top_k);
  if (!(p.top_p > 0.0f && p.top_p <= 1.0f)) refuse("top_p", "above 0, up to 1", p.top_p);
  if (!(p.min_p >= 0.0f && p.min_p <= 1.0f)) refuse("min_p", "0 to 1", p.min_p);
  if (!(p.repetition > 0.0f && p.repetition <= 100.0f))
    refuse("repetition_penalty", "above 0, up to 100", p.repetition);
  if (!(std::fabs(p.presence) <= 100.0f)) refuse("presence_penalty", "-100 to 100", p.presence);
  if (!(std::fabs(p.frequency) <= 100.0f)) refuse("frequency_penalty", "-100 to 100", p.frequency);
  if (o.top_log_probs > 64) refuse("top_log_probs", "up to 64", static_cast<double>(o.top_log_probs));
}

#endif

VLMT_END_NAMESPACE
