// Reasoning and answer: `<think>thoughts</think>answer` taken apart, whole or piece by piece.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Whether the model thinks before it answers.
enum class Thinking : std::uint8_t {
  automatic,  ///< as its chat template says
  on,         ///< the prompt opens a block of thoughts, whatever the template says
  off         ///< a model that thinks gets an empty block of thoughts in the prompt
};

inline constexpr std::string_view think_begin = "<think>";
inline constexpr std::string_view think_end = "</think>";

/// An assistant's output, taken apart.
struct SplitOutput {
  std::string reasoning;
  std::string answer;
};

/// Takes `<think>reasoning</think>answer` apart as chat templates do with turns of the past: the text before the first
/// `</think>` (from the last `<think>` before it on) is reasoning, the text after the last one is the answer; line
/// feeds around them are dropped. Without `</think>` all is answer.
inline SplitOutput split_reasoning(std::string_view output) {
  const std::size_t first = output.find(think_end);
  if (first == std::string_view::npos) return {{}, std::string(output)};
  std::string_view reasoning = output.substr(0, first);
  std::string_view answer = output.substr(output.rfind(think_end) + think_end.size());
  while (reasoning.ends_with('\n')) reasoning.remove_suffix(1);
  if (const std::size_t at = reasoning.rfind(think_begin); at != std::string_view::npos)
    reasoning.remove_prefix(at + think_begin.size());
  while (reasoning.starts_with('\n')) reasoning.remove_prefix(1);
  while (answer.starts_with('\n')) answer.remove_prefix(1);
  return {std::string(reasoning), std::string(answer)};
}

/// True if a prompt that ends with this text leaves a block of thoughts open.
constexpr bool opens_thoughts(std::string_view prompt) noexcept {
  while (prompt.ends_with('\n') || prompt.ends_with(' ')) prompt.remove_suffix(1);
  return prompt.ends_with(think_begin);
}

/// Takes an output apart while it comes. What comes out does not depend on how the output is cut into pieces.
///
/// A block of thoughts is recognised at the beginning of the output only: where the prompt opened it, or where the
/// output itself begins with `<think>`. Its first `</think>` ends it. Line feeds around thoughts and white space before
/// the answer are dropped. All other text, further tags included, is answer.
class ReasoningSplitter {
 public:
  /// `inside`: the prompt opened a block of thoughts.
  explicit ReasoningSplitter(bool inside = false) : state_(inside ? State::opened : State::start) {}

  /// What is certain after these bytes: first thoughts, then answer. Either may be empty.
  SplitOutput push(std::string_view text) {
    SplitOutput out;
    held_ += text;
    while (advance(out)) {
    }
    return out;
  }

  /// The end of the output: what was held back.
  SplitOutput finish() {
    SplitOutput out;
    if (state_ == State::start) out.answer = std::move(held_);
    if (state_ == State::thinking) out.reasoning = without_line_feeds(held_);
    held_.clear();
    return out;
  }

  /// True as long as text that comes is reasoning.
  bool thinking() const noexcept { return state_ == State::opened || state_ == State::thinking; }

 private:
  enum class State : std::uint8_t {
    start,     ///< nothing but white space, or the beginning of a tag
    opened,    ///< after <think>: line feeds
    thinking,  ///< thoughts
    closed,    ///< after </think>: white space
    answering
  };

  static std::string without_line_feeds(std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    return std::string(text);
  }

  void skip(std::string_view characters) {
    held_.erase(0, std::min(held_.find_first_not_of(characters), held_.size()));
  }

  // One step; false if more text is needed.
  bool advance(SplitOutput& out) {
    switch (state_) {
      case State::start: {
        const std::size_t begin = held_.find_first_not_of(white_space);
        if (begin == std::string::npos) return false;
        const std::string_view text = std::string_view(held_).substr(begin);
        if (text.starts_with(think_begin)) {
          held_.erase(0, begin + think_begin.size());
          state_ = State::opened;
        } else if (think_begin.starts_with(text)) {
          return false;
        } else {
          state_ = State::answering;
        }
        return true;
      }
      case State::opened:
        skip("\n");
        // A model may open the block once more than its prompt.
        if (held_.starts_with(think_begin)) {
          held_.erase(0, think_begin.size());
          return true;
        }
        if (think_begin.starts_with(held_)) return false;
        state_ = State::thinking;
        return true;
      case State::thinking:
        return think(out);
      case State::closed:
        skip(white_space);
        if (held_.empty()) return false;
        state_ = State::answering;
        return true;
      case State::answering:
        out.answer += held_;
        held_.clear();
        return false;
    }
    return false;
  }

  bool think(SplitOutput& out) {
    if (const std::size_t end = held_.find(think_end); end != std::string::npos) {
      out.reasoning += without_line_feeds(std::string_view(held_).substr(0, end));
      held_.erase(0, end + think_end.size());
      state_ = State::closed;
      return true;
    }
    // What may be the beginning of the tag stays, and line feeds that may be the last ones.
    std::size_t sure = held_.size() - std::min(held_.size(), think_end.size() - 1);
    while (!think_end.starts_with(std::string_view(held_).substr(sure))) ++sure;
    while (sure > 0 && held_[sure - 1] == '\n') --sure;
    out.reasoning.append(held_, 0, sure);
    held_.erase(0, sure);
    return false;
  }

  static constexpr std::string_view white_space = " \t\r\n";

  State state_;
  std::string held_;
};

VLMT_END_NAMESPACE
