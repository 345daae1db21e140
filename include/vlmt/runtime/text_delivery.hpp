// Decodes the tokens of an answer to text and delivers it on a worker thread while the next token is computed.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/text/stop_matcher.hpp"
#include "vlmt/text/stream_decoder.hpp"
#include "vlmt/text/tokenizer.hpp"

VLMT_BEGIN_NAMESPACE

/// Receives pieces of text, never empty ones; returns false to cancel. Made from any callable; one that returns nothing
/// never cancels. An empty std::function or a null pointer to a function is no callable: the sink is then as one that
/// is made from nothing.
class TextSink {
 public:
  TextSink() = default;
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, TextSink> && std::invocable<F&, std::string_view>) TextSink(F&& f) {
    // Callables that can be made from nullptr may be empty; a lambda without captures merely converts to a pointer.
    if constexpr (std::constructible_from<std::decay_t<F>, std::nullptr_t>) {
      if (f == nullptr) return;
    }
    call_ = [f = std::forward<F>(f)](std::string_view piece) mutable {
      if constexpr (std::convertible_to<std::invoke_result_t<F&, std::string_view>, bool>) {
        return static_cast<bool>(f(piece));
      } else {
        f(piece);
        return true;
      }
    };
  }

  bool operator()(std::string_view piece) const { return piece.empty() || !call_ || call_(piece); }

 private:
  std::function<bool(std::string_view)> call_;
};

/// Decodes tokens to text and passes the pieces to a sink, serially, on a worker thread. At most one token is in
/// flight: a sink slower than the model sets the pace, and an answer that ends by a stop string or by the sink costs
/// one extra token. If no thread can be started, push() delivers on the calling thread.
template <Tokenizer T>
class TextDelivery {
 public:
  /// All arguments must outlive the delivery.
  TextDelivery(const T& tokenizer, StopMatcher& stops, const TextSink& sink)
      : tokenizer_(&tokenizer), stops_(&stops), sink_(&sink), decoder_(tokenizer) {
    try {
      thread_ = std::jthread([this] { work(); });
    } catch (const std::system_error&) {
      // push() delivers itself.
    }
  }
  TextDelivery(const TextDelivery&) = delete;
  TextDelivery& operator=(const TextDelivery&) = delete;
  ~TextDelivery() { leave(abandon); }

  /// Waits until the previous token is delivered, then takes the next one. Returns false, without taking it, if the
  /// answer has ended.
  bool push(int token) {
    wait_for_room();
    if (ended_) return false;
    put(token);
    return true;
  }

  /// Delivers the last token and the text held back, unless the answer has ended. Rethrows what the sink threw.
  void finish() { end(close); }
  /// Waits for the sink and drops the text held back. Rethrows what the sink threw.
  void cancel() { end(abandon); }

  /// After finish(): true if a stop string was found or the sink cancelled.
  bool ended() const noexcept { return ended_; }
  /// After finish() or cancel(): all delivered text.
  std::string take_text() noexcept { return std::move(text_); }

 private:
  // Values of the slot that are not tokens.
  static constexpr int empty = -1;
  static constexpr int close = -2;
  static constexpr int abandon = -3;

  void put(int message) noexcept {
    if (!thread_.joinable()) return take(message);
    slot_.store(message);
    slot_.notify_one();
  }

  void wait_for_room() const noexcept {
    for (int message = slot_.load(); message != empty; message = slot_.load()) slot_.wait(message);
  }

  void end(int how) {
    leave(how);
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  void leave(int how) noexcept {
    if (left_) return;
    left_ = true;
    wait_for_room();
    put(how);
    if (thread_.joinable()) thread_.join();
  }

  void work() noexcept {
    while (true) {
      slot_.wait(empty);
      const int message = slot_.load();
      take(message);
      if (message < empty) return;
      slot_.store(empty);
      slot_.notify_one();
    }
  }

  void take(int message) noexcept {
    if (message == abandon || ended_) return;
    try {
      bool go_on = true;
      if (message == close) {
        std::string rest = stops_->push(decoder_.finish());
        rest += stops_->finish();
        deliver(rest);
      } else if (message < tokenizer_->size()) {  // padding rows of the head have no text
        go_on = deliver(stops_->push(decoder_.push(message)));
      }
      ended_ = !go_on || stops_->stopped();
    } catch (...) {
      error_ = std::current_exception();
      ended_ = true;
    }
  }

  bool deliver(std::string_view piece) {
    text_ += piece;
    return (*sink_)(piece);
  }

  const T* tokenizer_;
  StopMatcher* stops_;
  const TextSink* sink_;
  StreamDecoder<T> decoder_;
  // Members up to the slot belong to the thread that may change it next: the worker while it is not empty, else the
  // caller. The slot is sequentially consistent because threads sleep on it, see TeamState::wait.
  std::string text_;
  std::exception_ptr error_;
  bool ended_ = false;
  std::atomic<int> slot_{empty};
  bool left_ = false;    // used by the caller only
  std::jthread thread_;  // last: it starts once all other members exist
};

VLMT_END_NAMESPACE
