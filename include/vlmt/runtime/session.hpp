// A conversation with a model: messages in, text out. The KV cache is kept between turns.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/in_use.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/nn/probe.hpp"
#include "vlmt/runtime/call_checks.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/context_size.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/plan.hpp"
#include "vlmt/runtime/prompt.hpp"
#include "vlmt/runtime/reply.hpp"
#include "vlmt/runtime/reply_text.hpp"
#include "vlmt/runtime/runner.hpp"
#include "vlmt/runtime/sampler.hpp"
#include "vlmt/runtime/session_options.hpp"
#include "vlmt/runtime/text_delivery.hpp"
#include "vlmt/runtime/token_constraint.hpp"
#include "vlmt/runtime/vision_runner.hpp"
#include "vlmt/text/reasoning.hpp"
#include "vlmt/text/stop_matcher.hpp"

VLMT_BEGIN_NAMESPACE

/// A conversation. Sessions share only their immutable model; a single session is not thread-safe. A call during
/// another one, from its callbacks or from a second thread, throws InputError, as does a call of a session that was
/// moved to another object.
///
/// If a call throws or is cancelled, the conversation is as it was before it: history() is unchanged. The KV cache
/// keeps what was computed, and the next call reuses the matching prefix. GenerateOptions::stop_flag cancels within
/// milliseconds at any stage, `on_text` with its next piece by returning false. The call then returns with
/// FinishReason::cancelled and the text so far.
template <class M, Team T = OmpTeam, class Probe = NoProbe>
class Session {
 public:
  /// `model` must be loaded. It must outlive the session and must not be moved while it lives. Allocates KV cache,
  /// workspace and sampler; scratch and features of images are allocated as images arrive. Throws InputError for a
  /// model that is not loaded and for bad options, LimitError if it does not fit into the memory that the model was
  /// loaded for (check_fits_beside).
  explicit Session(const ChatModel<M>& model, SessionOptions options = {}, Probe probe = {})
      : Session(model, options, make_team(options.threads), std::move(probe)) {}
  /// The same on a given team, whose size replaces options.threads. The runner and the vision runner each have a copy
  /// of the probe: what they are to share it holds by pointer (nn/probe.hpp).
  Session(const ChatModel<M>& model, SessionOptions options, std::unique_ptr<T> team, Probe probe = {})
      : model_(&model),
        options_(std::move(options)),
        team_(team != nullptr ? std::move(team) : throw InputError("a session needs a team")),
        runner_(model.vlm(), *team_, fitting(model, options_, *team_), probe),
        vision_(model.vlm(), *team_, options_.vision(), std::move(probe)),
        sampler_(model.vlm().config().vocab, runner_.options().context) {
    options_.context = runner_.options().context;
    options_.chunk = runner_.options().chunk;
    options_.logit_rows = runner_.options().logit_rows;
    options_.threads = team_->size();
    if (!options_.system.empty()) history_.push_back(ChatMessage::of(Role::system, options_.system));
  }

  template <class... Rest>
  explicit Session(const ChatModel<M>&&, Rest&&...) = delete;  // vlmt: the model must outlive its session

  /// Sends a message and returns the answer; both become part of the history unless the call is cancelled. `on_text`
  /// receives the text piece by piece while the next token is computed. It is called serially on a worker thread (on
  /// the caller's if no thread can be started), never after return; its exceptions propagate. Throws InputError,
  /// LimitError and FileError, and Error if the model's logits are not numbers.
  Reply ask(std::vector<Part> parts, const TextSink& on_text = {}, const GenerateOptions& options = {});
  Reply ask(std::string text, const TextSink& on_text = {}, const GenerateOptions& options = {}) {
    return ask(std::vector<Part>{Part(std::move(text))}, on_text, options);
  }

  /// Answers a conversation that the caller keeps; history() is not used. The prefix shared with the previous call is
  /// taken from the KV cache. Images in `messages` are measured once: their ImageSource keeps the result.
  Reply respond(std::span<ChatMessage> messages, std::span<const Tool> tools = {}, const TextSink& on_text = {},
                const GenerateOptions& options = {});

  /// Continues a sequence of cells without a chat template. Throws LimitError if it leaves no room in the context,
  /// InputError if it is empty, for a bad token, and for an image without features.
  Reply complete(const Sequence& sequence, const TextSink& on_text = {}, const GenerateOptions& options = {});

  /// Cells of plain text. Special tokens are not parsed.
  Sequence tokenize(std::string_view text) const {
    Sequence s(position_rule_of<M>());
    s.append(model_->tokenizer().encode(text));
    return s;
  }

  /// Natural log-probabilities of the tokens of `text` after `context`, one each. The two are tokenized separately.
  /// Throws InputError if either has no tokens, LimitError if they do not fit the context, Cancelled soon after `stop`
  /// is set.
  std::vector<TokenLogProb> score(std::string_view context, std::string_view text, const StopFlag* stop = nullptr);

  /// The same for `answer` to a conversation with images, in the model's template. Images of `messages` are measured
  /// once, as in respond(). Throws what respond() throws before its first token, and InputError if the answer has no
  /// tokens.
  std::vector<TokenLogProb> score(std::span<ChatMessage> messages, std::string_view answer,
                                  const StopFlag* stop = nullptr);

  /// Final hidden state (hidden) of the last token of a text: an embedding, not normalised to unit length. Throws
  /// Cancelled soon after `stop` is set.
  std::vector<float> embed(std::string_view text, const StopFlag* stop = nullptr) {
    const InUse::Call call = begin_call();
    runner_.feed(
        tokenize(text), [](std::size_t, std::size_t) {}, stop);
    return runner_.embedding();
  }

  /// Tokens that an image of this size in pixels takes. Throws InputError for sizes that are refused and for a
  /// text-only model.
  std::size_t image_tokens(int height, int width) const { return vision_.tokens(height, width); }

  /// A second session that continues the same conversation on a team of its own. Copies history, KV cache, logits and
  /// embedding, but no cached features.
  Session fork() const;

  /// Drops the conversation, except for the system message. Cached features stay.
  void reset() {
    const InUse::Call call = begin_call();
    history_.clear();
    if (!options_.system.empty()) history_.push_back(ChatMessage::of(Role::system, options_.system));
    runner_.truncate(0);
  }

  std::span<const ChatMessage> history() const noexcept { return history_; }
  /// The options in use: of those given, a chunk longer than the context is shortened to it, logit_rows to the chunk,
  /// and `threads` is the size of the team.
  const SessionOptions& options() const noexcept { return options_; }
  const ChatModel<M>& model() const noexcept { return *model_; }
  Runner<M, T, Probe>& runner() noexcept { return runner_; }
  VisionRunner<M, T, Probe>& vision() noexcept { return vision_; }
  T& team() noexcept { return *team_; }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

  static std::unique_ptr<T> make_team(std::size_t threads) {
    checked_option("threads", threads, 0, max_threads);
    return threads == 0 ? std::make_unique<T>() : std::make_unique<T>(threads);
  }

  static RunnerOptions fitting(const ChatModel<M>& model, const SessionOptions& options, const T& team) {
    model.vlm().require_loaded();
    check_fits_beside(model.vlm(), plan_memory(model, options, model.vlm().budget().image_pixels, team.size()));
    return options.runner(model.vlm().config());
  }

  InUse::Call begin_call() const {
    if (team_ == nullptr) throw InputError("the session was moved to another object");
    runner_.require_usable();
    return {in_use_, "the session is answering: its callbacks and other threads must not call it"};
  }

  ChatMessage answer(const Reply& reply) const;

  // Log-probabilities of the cells of a sequence from `first` on.
  std::vector<TokenLogProb> scored(const Sequence& sequence, std::size_t first, const StopFlag* stop);

  void complete(const Sequence& sequence, const GenerateOptions& options, const TextSink& on_text, StopMatcher& stops,
                Clock::time_point start, Reply& reply, ReasoningSplitter* splitter, bool in_thoughts);

  const ChatModel<M>* model_;
  SessionOptions options_;
  std::unique_ptr<T> team_;
  Runner<M, T, Probe> runner_;
  VisionRunner<M, T, Probe> vision_;
  Sampler<typename M::Backend> sampler_;
  std::vector<ChatMessage> history_;
  mutable InUse in_use_;
};

template <class M, Team T, class Probe>
Reply Session<M, T, Probe>::ask(std::vector<Part> parts, const TextSink& on_text, const GenerateOptions& options) {
  std::vector<ChatMessage> messages = history_;
  messages.push_back({Role::user, std::move(parts)});
  Reply reply = respond(messages, options_.tools, on_text, options);
  if (reply.finish == FinishReason::cancelled) return reply;
  history_ = std::move(messages);
  history_.push_back(answer(reply));
  return reply;
}

template <class M, Team T, class Probe>
Reply Session<M, T, Probe>::respond(std::span<ChatMessage> messages, std::span<const Tool> tools,
                                    const TextSink& on_text, const GenerateOptions& options) {
  const Clock::time_point start = Clock::now();
  const InUse::Call call = begin_call();
  check(options.sampling);
  StopMatcher stops(options.stop);
  ImageOptions images = options_.images;
  images.stop_flag = options.stop_flag;
  Reply reply;
  try {
    Prompt prompt = build_prompt(*model_, vision_, messages, tools, model_->chat_options(options.thinking), images);
    check_prompt_length(prompt.sequence.size(), prompt.visual_tokens, options_.context);
    reply.stats.prompt_tokens = prompt.sequence.size();
    reply.stats.visual_tokens = prompt.visual_tokens;
    const std::size_t keep = std::min(runner_.sequence().common_prefix(prompt.sequence), prompt.sequence.size() - 1);
    reply.stats.images =
        attach_features(vision_, prompt, keep, images, [&](std::size_t done, std::size_t total, double fraction) {
          if (options.progress) options.progress({Progress::Stage::vision, done, total, fraction});
        });
    reply.stats.vision_seconds = seconds_since(start);
    ReasoningSplitter splitter(prompt.opens_thoughts);
    complete(prompt.sequence, options, on_text, stops, start, reply, &splitter, prompt.opens_thoughts);
  } catch (const Cancelled&) {
    reply.finish = FinishReason::cancelled;
  }
  return reply;
}

template <class M, Team T, class Probe>
Reply Session<M, T, Probe>::complete(const Sequence& sequence, const TextSink& on_text,
                                     const GenerateOptions& options) {
  const InUse::Call call = begin_call();
  check(options.sampling);
  StopMatcher stops(options.stop);
  Reply reply;
  reply.stats.prompt_tokens = sequence.size();
  for (const VisualSpan& span : sequence.visuals()) reply.stats.visual_tokens += span.tokens;
  try {
    complete(sequence, options, on_text, stops, Clock::now(), reply, nullptr, false);
  } catch (const Cancelled&) {
    reply.finish = FinishReason::cancelled;
  }
  return reply;
}

template <class M, Team T, class Probe>
std::vector<TokenLogProb> Session<M, T, Probe>::score(std::string_view context, std::string_view text,
                                                      const StopFlag* stop) {
  const InUse::Call call = begin_call();
  Sequence s = tokenize(context);
  const std::size_t first = s.size();
  if (first == 0) throw InputError("nothing to score: the text must follow a context");
  s.append(model_->tokenizer().encode(text));
  return scored(s, first, stop);
}

template <class M, Team T, class Probe>
std::vector<TokenLogProb> Session<M, T, Probe>::scored(const Sequence& sequence, std::size_t first,
                                                       const StopFlag* stop) {
  const std::vector<float> scores = runner_.score(sequence, first, stop);
  std::vector<TokenLogProb> out;
  for (std::size_t i = 0; i < scores.size(); ++i) out.push_back({sequence.tokens()[first + i], scores[i], {}});
  return out;
}

template <class M, Team T, class Probe>
std::vector<TokenLogProb> Session<M, T, Probe>::score(std::span<ChatMessage> messages, std::string_view answer,
                                                      const StopFlag* stop) {
  const InUse::Call call = begin_call();
  ImageOptions images = options_.images;
  images.stop_flag = stop;
  Prompt prompt = build_prompt(*model_, vision_, messages, options_.tools, model_->chat_options(), images);
  const std::size_t first = prompt.sequence.size();
  prompt.sequence.append(model_->tokenizer().encode(answer));
  check_prompt_length(prompt.sequence.size(), prompt.visual_tokens, options_.context);
  const std::size_t keep = std::min(runner_.sequence().common_prefix(prompt.sequence), first - 1);
  attach_features(vision_, prompt, keep, images, [](std::size_t, std::size_t, double) {});
  return scored(prompt.sequence, first, stop);
}

template <class M, Team T, class Probe>
Session<M, T, Probe> Session<M, T, Probe>::fork() const {
  const InUse::Call call = begin_call();
  Session copy(*model_, options_, std::make_unique<T>(team_->size()), runner_.probe());
  copy.history_ = history_;
  copy.runner_ = runner_.fork_on(*copy.team_);
  return copy;
}

template <class M, Team T, class Probe>
ChatMessage Session<M, T, Probe>::answer(const Reply& reply) const {
  ChatMessage m = ChatMessage::of(Role::assistant, reply.text);
  if (!reply.reasoning.empty()) m.reasoning = reply.reasoning;
  return m;
}

template <class M, Team T, class Probe>
void Session<M, T, Probe>::complete(const Sequence& sequence, const GenerateOptions& options, const TextSink& on_text,
                                    StopMatcher& stops, Clock::time_point start, Reply& reply,
                                    ReasoningSplitter* splitter, bool in_thoughts) {
  check_prompt_length(sequence.size(), reply.stats.visual_tokens, options_.context);
  const Clock::time_point prefill = Clock::now();
  const auto progress = [&](std::size_t done, std::size_t total) {
    if (!options.progress) return;
    options.progress({Progress::Stage::prefill, done, total, static_cast<double>(done) / static_cast<double>(total)});
  };
  const std::size_t computed = runner_.feed(sequence, progress, options.stop_flag);
  reply.stats.cached_tokens = sequence.size() - computed;
  reply.stats.prefill_seconds = seconds_since(prefill);
  sampler_.begin(options.sampling, sequence.tokens());
  // Thoughts are free. Their end is a token of its own; a model without one is restricted from the start.
  const std::unique_ptr<TokenConstraint> constraint = options.constraint ? options.constraint() : nullptr;
  const std::optional<int> thoughts_end = model_->tokenizer().added_token(think_end);
  bool free = in_thoughts && thoughts_end.has_value();
  std::vector<std::uint32_t> mask(constraint != nullptr ? mask_words(model_->vlm().config().vocab) : 0);
  const auto restrict_next = [&] {
    if (constraint == nullptr || free || constraint->ended()) return;
    constraint->fill_mask(mask);
    sampler_.allow(mask);
  };
  restrict_next();
  float* logits = runner_.logits_of_ops();
  const auto sample = [&](auto& step) { sampler_.issue(step, logits); };
  runner_.with_logits(sample, options.stop_flag);
  reply.stats.first_token_seconds = seconds_since(start);
  const Clock::time_point first = Clock::now();
  const std::size_t room = runner_.options().context - sequence.size();
  const std::size_t most = options.max_tokens == 0 ? room : std::min(room, options.max_tokens);
  ReplyText text(splitter, on_text, options.on_reasoning);
  const TextSink sink = text.sink();
  TextDelivery delivery(model_->tokenizer(), stops, sink);
  const bool wants_log_probs = options.sampling.log_probs || options.sampling.top_log_probs != 0;
  try {
    while (true) {
      const int token = sampler_.result();
      if (model_->stops(token) && !options.ignore_stop_tokens) {
        reply.finish = FinishReason::stop;
        break;
      }
      if (constraint != nullptr && !free) {
        constraint->accept(token);
        if (constraint->ended()) break;  // of end tokens that are to be ignored, too: nothing may follow
      }
      if (free && token == thoughts_end) free = false;
      if (!delivery.push(token)) break;
      reply.tokens.push_back(token);
      if (wants_log_probs) reply.log_probs.push_back(sampler_.log_probs());
      if (reply.tokens.size() >= most) {
        reply.finish = reply.tokens.size() == options.max_tokens ? FinishReason::length : FinishReason::context;
        break;
      }
      sampler_.accept(token);
      restrict_next();
      runner_.decode(token, sample, options.stop_flag);
    }
    reply.stats.decode_seconds = seconds_since(first);
    delivery.finish();
    // A stop string or the sink may have ended the text with the last token, after the loop set another reason.
    if (delivery.ended()) reply.finish = stops.stopped() ? FinishReason::stop_string : FinishReason::cancelled;
  } catch (const Cancelled&) {
    reply.stats.decode_seconds = seconds_since(first);
    reply.finish = FinishReason::cancelled;
    delivery.cancel();
  }
  text.finish(reply.finish != FinishReason::cancelled);
  reply.raw = delivery.take_text();
  reply.text = std::move(text.answer);
  reply.reasoning = std::move(text.reasoning);
}

template <class M>
Session(const ChatModel<M>&, SessionOptions) -> Session<M, OmpTeam>;
template <class M>
Session(const ChatModel<M>&) -> Session<M, OmpTeam>;
template <class M, class Probe>
Session(const ChatModel<M>&, SessionOptions, Probe) -> Session<M, OmpTeam, Probe>;
template <class M, Team T>
Session(const ChatModel<M>&, SessionOptions, std::unique_ptr<T>) -> Session<M, T>;

VLMT_END_NAMESPACE
