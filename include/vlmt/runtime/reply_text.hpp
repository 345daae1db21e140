// The text of a reply while it comes: thoughts to one sink, the answer to another.
#pragma once

#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/runtime/text_delivery.hpp"
#include "vlmt/text/reasoning.hpp"

VLMT_BEGIN_NAMESPACE

/// Splits the text that a TextDelivery hands out. All arguments must outlive it.
class ReplyText {
 public:
  /// Without a splitter all is answer.
  ReplyText(ReasoningSplitter* splitter, const TextSink& on_answer, const TextSink& on_reasoning)
      : splitter_(splitter), on_answer_(&on_answer), on_reasoning_(&on_reasoning) {}
  ReplyText(const ReplyText&) = delete;
  ReplyText& operator=(const ReplyText&) = delete;

  /// What the delivery hands its pieces to; false if a sink asked for the end.
  TextSink sink() {
    return [this](std::string_view piece) {
      return splitter_ == nullptr ? take({{}, std::string(piece)}) : take(splitter_->push(piece));
    };
  }

  /// After the last piece: delivers text that was held back; without `deliver` the sinks do not get it.
  void finish(bool deliver) {
    if (splitter_ == nullptr) return;
    const SplitOutput rest = splitter_->finish();
    if (deliver) {
      take(rest);
      return;
    }
    reasoning += rest.reasoning;
    answer += rest.answer;
  }

  std::string answer;
  std::string reasoning;

 private:
  bool take(const SplitOutput& s) {
    reasoning += s.reasoning;
    if (!(*on_reasoning_)(s.reasoning)) return false;
    answer += s.answer;
    return (*on_answer_)(s.answer);
  }

  ReasoningSplitter* splitter_;
  const TextSink* on_answer_;
  const TextSink* on_reasoning_;
};

VLMT_END_NAMESPACE
