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
#include "vlmt/runtime/call_checks.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/context_size.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/plan.hpp"
#include "vlmt/runtime/prompt.hpp"
#include "vlmt/runtime/reply_text.hpp"
#include "vlmt/runtime/runner.hpp"
#include "vlmt/runtime/sampler.hpp"
#include "vlmt/runtime/text_delivery.hpp"
#include "vlmt/runtime/vision_runner.hpp"
#include "vlmt/text/reasoning.hpp"
#include "vlmt/text/stop_matcher.hpp"

VLMT_BEGIN_NAMESPACE

/// Options and limits of a session. Values out of range are refused; Session::options() tells the values in use.
struct SessionOptions {
  std::size_t context = 0;  ///< maximum tokens of the conversation, answers included; 0: default_context() of the model
  std::size_t chunk = 256;  ///< tokens of one prefill step, 1 to 4096; no longer than the context
  std::size_t threads = 0;  ///< up to 4096; 0: the team's default
  Numerics numerics = Numerics::fast;
  std::optional<std::uint32_t> key_format = {};    ///< GGUF type number; the family's KvFormat if absent
  std::optional<std::uint32_t> value_format = {};  ///< the same for values
  std::optional<std::uint64_t> min_pixels = {};    ///< of a resized image; the file's value if absent
  std::optional<std::uint64_t> max_pixels = {};
  /// Features kept for images of earlier turns, part of the memory plan. The default holds one image of a megapixel or
  /// six of 512 x 512 (2B model).
  std::size_t feature_cache_bytes = std::size_t{48} << 20;
  ImageOptions images = {};      ///< limits of image files, their background, notes on them
  std::string system = {};       ///< the system message; none if empty
  std::vector<Tool> tools = {};  ///< tools that the model may call
  std::size_t logit_rows = 1;    ///< rows of logits that score() computes at once, 1 to 4096; no more than a chunk

  RunnerOptions runner(const TextConfig& model) const {
    return {context == 0 ? default_context(model) : context, chunk, logit_rows, numerics, key_format, value_format};
  }
  VisionOptions vision() const { return {min_pixels, max_pixels, feature_cache_bytes, numerics}; }
};

/// Progress of a call before its first token.
struct Progress {
  enum class Stage : std::uint8_t { vision, prefill };
  Stage stage = Stage::vision;
  std::size_t done = 0;  ///< images and videos, or tokens
  std::size_t total = 0;
  double fraction = 0.0;  ///< of the stage, 0 to 1; in the vision stage it grows with every block of the encoder
};

/// Options of one answer.
struct GenerateOptions {
  SamplingOptions sampling = {};
  std::size_t max_tokens = 0;                          ///< maximum tokens to generate; 0: until the context is full
  std::vector<std::string> stop = {};                  ///< stop strings; the answer ends before the first one
  bool ignore_stop_tokens = false;                     ///< ignore end-of-turn tokens (benchmarking)
  std::function<void(const Progress&)> progress = {};  ///< called on the calling thread; may throw to cancel
  const StopFlag* stop_flag = nullptr;                 ///< set it, from any thread, to cancel
  Thinking thinking = Thinking::automatic;
  /// Receives the reasoning; on_text receives the answer. Calls are serial; returning false ends the output.
  TextSink on_reasoning = {};
};

enum class FinishReason : std::uint8_t {
  stop,         ///< the model ended its turn
  stop_string,  ///< a stop string was found
  length,       ///< max_tokens was reached
  context,      ///< the context is full
  cancelled,    ///< on_text or on_reasoning returned false, or the stop flag was set
};

constexpr std::string_view name(FinishReason r) noexcept {
  switch (r) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    case FinishReason::context:
      return "context";
    default:
      return "cancelled";
  }
}

/// Times and counts of one answer.
struct ReplyStats {
  std::size_t prompt_tokens = 0;  ///< of the whole rendered conversation
  std::size_t cached_tokens = 0;  ///< prompt tokens taken from the KV cache
  std::size_t visual_tokens = 0;  ///< prompt tokens of images and videos
  std::size_t images = 0;         ///< and videos encoded or found in the feature cache
  double vision_seconds = 0.0;    ///< rendering, decoding files, resizing and encoding
  double prefill_seconds = 0.0;
  double first_token_seconds = 0.0;  ///< from the call to the first token
  double decode_seconds = 0.0;       ///< from the first token to the last
};

/// One answer. `raw` is the text of all `tokens`, tags included; `reasoning` and `text` are its two parts.
struct Reply {
  std::string text;       ///< the answer alone
  std::string reasoning;  ///< the thoughts before it; `text` is empty if the output ended inside them
  std::string raw;
  std::vector<int> tokens;
  FinishReason finish = FinishReason::stop;
  std::vector<TokenLogProb> log_probs;  ///< of each token, if requested
  ReplyStats stats;
};

/// A conversation. Sessions share only their immutable model; a single session is not thread-safe. A call during
/// another one, from its callbacks or from a second thread, throws InputError, as does a call of a session that was
/// moved to another object.
///
/// If a call throws or is cancelled, the conversation is as it was before it: history() is unchanged. The KV cache
/// keeps what was computed, and the next call reuses the matching prefix. GenerateOptions::stop_flag cancels within
/// milliseconds at any stage, `on_text` with its next piece by returning false. The call then returns with
/// FinishReason::cancelled and the text so far.
template <class M, Team T = OmpTeam>
class Session {
 public:
  /// `model` must be loaded. It must outlive the session and must not be moved while it lives. Allocates KV cache,
  /// workspace and sampler; scratch and features of images are allocated as images arrive. Throws InputError for a
  /// model that is not loaded and for bad options, LimitError if it does not fit into the memory that the model was
  /// loaded for (check_fits_beside).
  explicit Session(const ChatModel<M>& model, SessionOptions options = {})
      : Session(model, options, make_team(options.threads)) {}
  /// The same on a given team, whose size replaces options.threads.
  Session(const ChatModel<M>& model, SessionOptions options, std::unique_ptr<T> team)
      : model_(&model),
        options_(std::move(options)),
        team_(team != nullptr ? std::move(team) : throw InputError("a session needs a team")),
        runner_(model.vlm(), *team_, fitting(model, options_, *team_)),
        vision_(model.vlm(), *team_, options_.vision()),
        sampler_(model.vlm().config().vocab, runner_.options().context) {
    options_.context = runner_.options().context;
    options_.chunk = runner_.options().chunk;
    options_.logit_rows = runner_.options().logit_rows;
    options_.threads = team_->size();
    if (!options_.system.empty()) history_.push_back(ChatMessage::of(Role::system, options_.system));
  }

  explicit Session(const ChatModel<M>&&, SessionOptions = {}) = delete;  // vlmt: the model must outlive its session
  Session(const ChatModel<M>&&, SessionOptions, std::unique_ptr<T>) = delete;

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
  Runner<M, T>& runner() noexcept { return runner_; }
  VisionRunner<M, T>& vision() noexcept { return vision_; }
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

  void complete(const Sequence& sequence, const GenerateOptions& options, const TextSink& on_text, StopMatcher& stops,
                Clock::time_point start, Reply& reply, ReasoningSplitter* splitter);

  const ChatModel<M>* model_;
  SessionOptions options_;
  std::unique_ptr<T> team_;
  Runner<M, T> runner_;
  VisionRunner<M, T> vision_;
  Sampler<typename M::Backend> sampler_;
  std::vector<ChatMessage> history_;
  mutable InUse in_use_;
};

template <class M, Team T>
Reply Session<M, T>::ask(std::vector<Part> parts, const TextSink& on_text, const GenerateOptions& options) {
  std::vector<ChatMessage> messages = history_;
  messages.push_back({Role::user, std::move(parts)});
  Reply reply = respond(messages, options_.tools, on_text, options);
  if (reply.finish == FinishReason::cancelled) return reply;
  history_ = std::move(messages);
  history_.push_back(answer(reply));
  return reply;
}

template <class M, Team T>
Reply Session<M, T>::respond(std::span<ChatMessage> messages, std::span<const Tool> tools, const TextSink& on_text,
                             const GenerateOptions& options) {
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
    complete(prompt.sequence, options, on_text, stops, start, reply, &splitter);
  } catch (const Cancelled&) {
    reply.finish = FinishReason::cancelled;
  }
  return reply;
}

template <class M, Team T>
Reply Session<M, T>::complete(const Sequence& sequence, const TextSink& on_text, const GenerateOptions& options) {
  const InUse::Call call = begin_call();
  check(options.sampling);
  StopMatcher stops(options.stop);
  Reply reply;
  reply.stats.prompt_tokens = sequence.size();
  for (const VisualSpan& span : sequence.visuals()) reply.stats.visual_tokens += span.tokens;
  try {
    complete(sequence, options, on_text, stops, Clock::now(), reply, nullptr);
  } catch (const Cancelled&) {
    reply.finish = FinishReason::cancelled;
  }
  return reply;
}

template <class M, Team T>
std::vector<TokenLogProb> Session<M, T>::score(std::string_view context, std::string_view text, const StopFlag* stop) {
  const InUse::Call call = begin_call();
  Sequence s = tokenize(context);
  const std::size_t first = s.size();
  if (first == 0) throw InputError("nothing to score: the text must follow a context");
  const std::vector<int> ids = model_->tokenizer().encode(text);
  s.append(ids);
  const std::vector<float> scores = runner_.score(s, first, stop);
  std::vector<TokenLogProb> out;
  for (std::size_t i = 0; i < ids.size(); ++i) out.push_back({ids[i], scores[i], {}});
  return out;
}

template <class M, Team T>
Session<M, T> Session<M, T>::fork() const {
  const InUse::Call call = begin_call();
  Session copy(*model_, options_, std::make_unique<T>(team_->size()));
  copy.history_ = history_;
  copy.runner_ = runner_.fork_on(*copy.team_);
  return copy;
}

template <class M, Team T>
ChatMessage Session<M, T>::answer(const Reply& reply) const {
  ChatMessage m = ChatMessage::of(Role::assistant, reply.text);
  if (!reply.reasoning.empty()) m.reasoning = reply.reasoning;
  return m;
}

template <class M, Team T>
void Session<M, T>::complete(const Sequence& sequence, const GenerateOptions& options, const TextSink& on_text,
                             StopMatcher& stops, Clock::time_point start, Reply& reply, ReasoningSplitter* splitter) {
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
      if (!delivery.push(token)) break;
      reply.tokens.push_back(token);
      if (wants_log_probs) reply.log_probs.push_back(sampler_.log_probs());
      if (reply.tokens.size() >= most) {
        reply.finish = reply.tokens.size() == options.max_tokens ? FinishReason::length : FinishReason::context;
        break;
      }
      sampler_.accept(token);
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

VLMT_END_NAMESPACE
