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

/// Chooses tokens from logits (vocab). Allocates at construction; issue() and accept() allocate nothing, though a
/// processor may. Not thread-safe.
class Sampler {
 public:
  /// For sequences of up to `context` tokens.
  Sampler(std::size_t vocab, std::size_t context)
      : vocab_(vocab),
        stats_(logit_blocks(vocab)),
        candidates_(vocab),
        top_(64),
        penalty_tokens_(std::min(vocab, context)),
        penalty_counts_(penalty_tokens_.size()),
        penalty_saved_(penalty_tokens_.size()),
        slot_(vocab, -1) {
    history_.reserve(context);
  }

  /// Bytes of its tables, for the memory plan.
  static std::size_t bytes(std::size_t vocab, std::size_t context) noexcept {
    return logit_blocks(vocab) * sizeof(LogitBlock) + vocab * (sizeof(TokenLogit) + sizeof(std::int32_t)) +
           std::min(vocab, context) * 3 * sizeof(float) + context * sizeof(int);
  }

  /// Starts a new answer after `tokens`. Keeps a pointer to `options`, which must outlive the answer. Throws InputError
  /// if an option is out of range or a token is not in the vocabulary.
  void begin(const SamplingOptions& options, std::span<const int> tokens);

  /// Adds a token to the history that penalties and processors use. Throws InputError if it is not in the vocabulary.
  void accept(int token) {
    check_token(token, vocab_);
    add(token);
  }

  /// Issues the ops that choose a token from `logits` (vocab); result() holds it once they have run. Processors and
  /// penalties change `logits` in place.
  template <Step S>
  void issue(S& step, float* logits) {
    if (!options_->processors.empty()) {
      step("logit processors", op::Host{[this, logits] {
             for (const LogitProcessor& p : options_->processors) {
               if (p) p({logits, vocab_}, history_);
             }
           }});
    }
    const bool log_probs = options_->log_probs || options_->top_log_probs != 0;
    step("sample", op::Sample{logits,
                              vocab_,
                              &params_,
                              {penalty_tokens_.data(), penalty_counts_.data(), penalty_saved_.data(), &penalty_size_},
                              penalised(),
                              stats_.data(),
                              candidates_.data(),
                              &rng_,
                              &sampled_,
                              log_probs ? &log_prob_ : nullptr,
                              top_.data(),
                              std::min(options_->top_log_probs, vocab_)});
  }

  /// The chosen token. Throws Error if every logit was NaN or -inf.
  int result() const;

  /// The chosen token with its log-probabilities. Valid only if the options request them.
  TokenLogProb log_probs() const;

 private:
  void add(int token) noexcept;

  bool penalised() const noexcept {
    return params_.repetition != 1.0f || params_.presence != 0.0f || params_.frequency != 0.0f;
  }

  std::size_t vocab_;
  const SamplingOptions* options_ = nullptr;
  SamplingParams params_;
  SamplerRng rng_;
  SampledToken sampled_;
  float log_prob_ = 0.0f;
  std::vector<LogitBlock> stats_;
  std::vector<TokenLogit> candidates_;
  std::vector<TokenLogit> top_;
  std::vector<std::int32_t> penalty_tokens_;
  std::vector<std::int32_t> penalty_counts_;
  std::vector<float> penalty_saved_;
  std::vector<std::int32_t> slot_;  ///< index of each token in the penalty list, or -1
  std::int32_t penalty_size_ = 0;
  std::vector<int> history_;
};

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

VLMT_BODY void Sampler::begin(const SamplingOptions& options, std::span<const int> tokens) {
  check(options);
  for (const int t : tokens) check_token(t, vocab_);
  options_ = &options;
  params_ = options.params;
  rng_ = {options.seed ? *options.seed : std::random_device{}() * 0x9e3779b97f4a7c15u, 0};
  for (std::int32_t i = 0; i < penalty_size_; ++i)
    slot_[static_cast<std::size_t>(penalty_tokens_[static_cast<std::size_t>(i)])] = -1;
  penalty_size_ = 0;
  history_.clear();
  for (int t : tokens) add(t);
}

VLMT_BODY void Sampler::add(int token) noexcept {
  if (history_.size() < history_.capacity()) history_.push_back(token);
  if (!penalised()) return;
  std::int32_t& slot = slot_[static_cast<std::size_t>(token)];
  if (slot < 0) {
    if (static_cast<std::size_t>(penalty_size_) == penalty_tokens_.size()) return;
    slot = penalty_size_++;
    penalty_tokens_[static_cast<std::size_t>(slot)] = token;
    penalty_counts_[static_cast<std::size_t>(slot)] = 0;
  }
  ++penalty_counts_[static_cast<std::size_t>(slot)];
}

VLMT_BODY int Sampler::result() const {
  if (sampled_.status != SamplingStatus::Ok) throw Error("the model's logits are not numbers");
  return sampled_.token;
}

VLMT_BODY TokenLogProb Sampler::log_probs() const {
  const std::size_t n = std::min(options_->top_log_probs, vocab_);
  return {sampled_.token, log_prob_, {top_.begin(), top_.begin() + static_cast<std::ptrdiff_t>(n)}};
}

#endif

VLMT_END_NAMESPACE
