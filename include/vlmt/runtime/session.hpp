// A conversation with a model: messages in, text out, the KV cache kept in between.
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
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/prompt.hpp"
#include "vlmt/runtime/runner.hpp"
#include "vlmt/runtime/sampler.hpp"
#include "vlmt/runtime/text_delivery.hpp"
#include "vlmt/runtime/vision_encoder.hpp"
#include "vlmt/text/stop_matcher.hpp"

VLMT_BEGIN_NAMESPACE

/// What a session takes, and its limits.
struct SessionOptions {
  std::size_t context = 8192;  ///< tokens of the whole conversation, answers included
  std::size_t chunk = 256;     ///< tokens of one prefill step
  std::size_t threads = 0;     ///< 0: all that the team's default gives
  Numerics numerics = Numerics::fast;
  std::optional<std::uint32_t> key_format = {};    ///< GGUF type number; the family's KvFormat if absent
  std::optional<std::uint32_t> value_format = {};  ///< likewise
  std::optional<std::uint64_t> min_pixels = {};    ///< of a resized picture; the file's value if absent
  std::optional<std::uint64_t> max_pixels = {};
  /// Features of pictures that were seen: one of a megapixel, or six of 512 x 512 (2B model). All of it is in the plan.
  std::size_t feature_cache_bytes = std::size_t{48} << 20;
  ImageOptions images = {};      ///< limits of picture files
  std::string system = {};       ///< the system message; none if empty
  std::vector<Tool> tools = {};  ///< that the model may call
  std::size_t logit_rows = 1;

  RunnerOptions runner() const { return {context, chunk, logit_rows, numerics, key_format, value_format}; }
  VisionOptions vision() const { return {min_pixels, max_pixels, feature_cache_bytes, numerics}; }
};

/// What a session is doing while nobody sees text yet.
struct Progress {
  enum class Stage : std::uint8_t { vision, prefill };
  Stage stage = Stage::vision;
  std::size_t done = 0;  ///< pictures, or tokens
  std::size_t total = 0;
};

/// One answer.
struct GenerateOptions {
  SamplingOptions sampling = {};
  std::size_t max_tokens = 0;                          ///< 0: as many as the context has room for
  std::vector<std::string> stop = {};                  ///< the answer ends before any of these
  bool ignore_stop_tokens = false;                     ///< go on past the end of the turn: for measuring
  std::function<void(const Progress&)> progress = {};  ///< may throw to cancel
};

enum class FinishReason : std::uint8_t {
  stop,         ///< the model ended its turn
  stop_string,  ///< a stop string was found
  length,       ///< max_tokens or the context was reached
  cancelled,    ///< the callback asked for it
};

constexpr std::string_view name(FinishReason r) noexcept {
  switch (r) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    default:
      return "cancelled";
  }
}

/// Seconds and counts of one answer.
struct ReplyStats {
  std::size_t prompt_tokens = 0;  ///< of the whole rendered conversation
  std::size_t cached_tokens = 0;  ///< of those, taken from the KV cache
  std::size_t visual_tokens = 0;  ///< of those, rows of pictures
  std::size_t pictures = 0;       ///< that were encoded or found in the feature cache
  double vision_seconds = 0.0;    ///< decoding files, resizing and encoding
  double prefill_seconds = 0.0;
  double first_token_seconds = 0.0;  ///< from the call to the first token
  double decode_seconds = 0.0;       ///< from the first token to the last
};

struct Reply {
  std::string text;
  std::vector<int> tokens;
  FinishReason finish = FinishReason::stop;
  std::vector<TokenLogProb> log_probs;  ///< of each token, if asked for
  ReplyStats stats;
};

/// A conversation. Sessions share a model and nothing else; one session belongs to one thread at a time. If a call
/// throws or is cancelled, the conversation is as it was before it.
template <class M, Team T = OmpTeam>
class Session {
 public:
  using Arch = typename M::Backend::Arch;

  /// `model` must be loaded and outlive the session. All memory is taken here, but for pictures.
  explicit Session(const ChatModel<M>& model, SessionOptions options = {})
      : Session(model, options, options.threads == 0 ? std::make_unique<T>() : std::make_unique<T>(options.threads)) {}
  Session(const ChatModel<M>& model, SessionOptions options, std::unique_ptr<T> team)
      : model_(&model),
        options_(std::move(options)),
        team_(std::move(team)),
        runner_(model.vlm(), *team_, options_.runner()),
        encoder_(model.vlm(), *team_, options_.vision()),
        sampler_(model.vlm().config().vocab, runner_.options().context) {
    if (!options_.system.empty()) history_.push_back(ChatMessage::of(Role::system, options_.system));
  }

  /// Says something and returns the answer; both become part of the conversation. `on_text` gets the text while it is
  /// made, on a thread of its own: the next token is computed meanwhile. One call at a time, none after the return;
  /// what it throws is thrown here.
  Reply ask(std::vector<Part> parts, const TextSink& on_text = {}, const GenerateOptions& options = {});
  Reply ask(std::string text, const TextSink& on_text = {}, const GenerateOptions& options = {}) {
    return ask(std::vector<Part>{Part(std::move(text))}, on_text, options);
  }

  /// Answers a conversation that the caller keeps. What it shares with the last one is taken from the KV cache.
  Reply respond(std::span<ChatMessage> messages, std::span<const Tool> tools = {}, const TextSink& on_text = {},
                const GenerateOptions& options = {});

  /// Continues a sequence of cells without any template.
  Reply complete(const Sequence& sequence, const TextSink& on_text = {}, const GenerateOptions& options = {});

  /// Cells of plain text, special tokens not parsed.
  Sequence tokenize(std::string_view text) const {
    Sequence s;
    s.append(model_->tokenizer().encode(text));
    return s;
  }

  /// Natural log-probabilities of the tokens of `text` behind `context`, one each.
  std::vector<TokenLogProb> score(std::string_view context, std::string_view text);

  /// The final hidden state behind a text: an embedding of it, not normalised to length one.
  std::vector<float> embed(std::string_view text) {
    runner_.feed(tokenize(text));
    return runner_.embedding();
  }

  /// Tokens that a picture of this size takes, without reading it. Throws InputError for sizes that are refused.
  std::size_t picture_tokens(int height, int width) const { return encoder_.tokens(height, width); }

  /// A second session at the same place of the same conversation.
  Session fork() const;

  /// Forgets the conversation; the system message stays.
  void reset() {
    history_.clear();
    if (!options_.system.empty()) history_.push_back(ChatMessage::of(Role::system, options_.system));
    runner_.truncate(0);
  }

  std::span<const ChatMessage> history() const noexcept { return history_; }
  const SessionOptions& options() const noexcept { return options_; }
  const ChatModel<M>& model() const noexcept { return *model_; }
  Runner<M, T>& runner() noexcept { return runner_; }
  VisionEncoder<M, T>& encoder() noexcept { return encoder_; }
  T& team() noexcept { return *team_; }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

  ChatMessage answer(const Reply& reply) const;

  void check_length(std::size_t tokens, std::size_t visual) const;

  void complete(const Sequence& sequence, const GenerateOptions& options, const TextSink& on_text, StopMatcher& stops,
                Clock::time_point start, Reply& reply);

  const ChatModel<M>* model_;
  SessionOptions options_;
  std::unique_ptr<T> team_;
  Runner<M, T> runner_;
  VisionEncoder<M, T> encoder_;
  Sampler<Arch> sampler_;
  std::vector<ChatMessage> history_;
};

template <class M, Team T>
Reply Session<M, T>::ask(std::vector<Part> parts, const TextSink& on_text, const GenerateOptions& options) {
  std::vector<ChatMessage> messages = history_;
  messages.push_back({Role::user, std::move(parts)});
  Reply reply = respond(messages, options_.tools, on_text, options);
  history_ = std::move(messages);
  history_.push_back(answer(reply));
  return reply;
}

template <class M, Team T>
Reply Session<M, T>::respond(std::span<ChatMessage> messages, std::span<const Tool> tools, const TextSink& on_text,
                             const GenerateOptions& options) {
  const Clock::time_point start = Clock::now();
  check(options.sampling);
  StopMatcher stops(options.stop);
  ChatOptions chat;
  chat.thinking = model_->thinks();
  Prompt prompt = build_prompt(*model_, encoder_, messages, tools, chat, options_.images);
  check_length(prompt.sequence.size(), prompt.visual_tokens);
  Reply reply;
  reply.stats.prompt_tokens = prompt.sequence.size();
  reply.stats.visual_tokens = prompt.visual_tokens;
  const std::size_t keep = std::min(runner_.sequence().common_prefix(prompt.sequence), prompt.sequence.size() - 1);
  reply.stats.pictures = attach_features(encoder_, prompt, keep, options_.images, [&](std::size_t d, std::size_t n) {
    if (options.progress) options.progress({Progress::Stage::vision, d, n});
  });
  reply.stats.vision_seconds = seconds_since(start);
  complete(prompt.sequence, options, on_text, stops, start, reply);
  return reply;
}

template <class M, Team T>
Reply Session<M, T>::complete(const Sequence& sequence, const TextSink& on_text, const GenerateOptions& options) {
  check(options.sampling);
  StopMatcher stops(options.stop);
  Reply reply;
  reply.stats.prompt_tokens = sequence.size();
  complete(sequence, options, on_text, stops, Clock::now(), reply);
  return reply;
}

template <class M, Team T>
std::vector<TokenLogProb> Session<M, T>::score(std::string_view context, std::string_view text) {
  Sequence s = tokenize(context);
  const std::size_t first = s.size();
  if (first == 0) throw InputError("nothing to score: text must follow other text");
  const std::vector<int> ids = model_->tokenizer().encode(text);
  s.append(ids);
  const std::vector<float> scores = runner_.score(s, first);
  std::vector<TokenLogProb> out;
  for (std::size_t i = 0; i < ids.size(); ++i) out.push_back({ids[i], scores[i], {}});
  return out;
}

template <class M, Team T>
Session<M, T> Session<M, T>::fork() const {
  Session copy(*model_, options_, std::make_unique<T>(team_->size()));
  copy.history_ = history_;
  copy.runner_ = runner_.fork_on(*copy.team_);
  return copy;
}

template <class M, Team T>
ChatMessage Session<M, T>::answer(const Reply& reply) const {
  if (!model_->thinks()) return ChatMessage::of(Role::assistant, reply.text);
  SplitOutput split = split_reasoning(reply.text);
  ChatMessage m = ChatMessage::of(Role::assistant, std::move(split.answer));
  if (!split.reasoning.empty()) m.reasoning = std::move(split.reasoning);
  return m;
}

template <class M, Team T>
void Session<M, T>::check_length(std::size_t tokens, std::size_t visual) const {
  if (tokens < runner_.options().context) return;
  throw LimitError("the conversation does not fit the context",
                   {{},
                    {},
                    "context",
                    "below " + std::to_string(runner_.options().context) + " tokens",
                    std::to_string(tokens) + ", of them " + std::to_string(visual) + " of pictures"});
}

template <class M, Team T>
void Session<M, T>::complete(const Sequence& sequence, const GenerateOptions& options, const TextSink& on_text,
                             StopMatcher& stops, Clock::time_point start, Reply& reply) {
  check_length(sequence.size(), reply.stats.visual_tokens);
  const Clock::time_point prefill = Clock::now();
  const std::size_t computed = runner_.feed(sequence, [&](std::size_t done, std::size_t total) {
    if (options.progress) options.progress({Progress::Stage::prefill, done, total});
  });
  reply.stats.cached_tokens = sequence.size() - computed;
  reply.stats.prefill_seconds = seconds_since(prefill);
  sampler_.begin(options.sampling, sequence.tokens());
  float* logits = runner_.logits().data();
  const auto sample = [&](auto& step) { sampler_.issue(step, logits); };
  runner_.with_logits(sample);
  reply.stats.first_token_seconds = seconds_since(start);
  const Clock::time_point first = Clock::now();
  const std::size_t room = runner_.options().context - sequence.size();
  const std::size_t most = options.max_tokens == 0 ? room : std::min(room, options.max_tokens);
  TextDelivery delivery(model_->tokenizer(), stops, on_text);
  const bool wants_log_probs = options.sampling.log_probs || options.sampling.top_log_probs != 0;
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
      reply.finish = FinishReason::length;
      break;
    }
    sampler_.accept(token);
    runner_.decode(token, sample);
  }
  reply.stats.decode_seconds = seconds_since(first);
  delivery.finish();
  // The text may have ended with the last token, before whatever came next was seen.
  if (delivery.ended()) reply.finish = stops.stopped() ? FinishReason::stop_string : FinishReason::cancelled;
  reply.text = delivery.take_text();
}

template <class M>
Session(const ChatModel<M>&, SessionOptions) -> Session<M, OmpTeam>;
template <class M>
Session(const ChatModel<M>&) -> Session<M, OmpTeam>;

VLMT_END_NAMESPACE
