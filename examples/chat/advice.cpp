// See advice.hpp.
#include "advice.hpp"

namespace {

/// How the context can hold more.
std::string larger_context(const ContextSize& size) {
  const std::string trained = "the model was trained for " + std::to_string(size.trained) + " tokens";
  if (size.context >= size.trained) return trained + ", and answers get worse beyond";
  return "--context N holds more (" + trained + ")";
}

}  // namespace

std::string cut_advice(vlmt::FinishReason finish, const Arguments& arguments, const ContextSize& size) {
  if (finish == vlmt::FinishReason::length) {
    return "the answer was cut at " + std::to_string(arguments.max_tokens) +
           " tokens: -n N allows more, -n 0 as many as the context holds";
  }
  if (finish == vlmt::FinishReason::context) {
    return "the answer was cut: the context of " + std::to_string(size.context) + " tokens is full; " +
           (arguments.interactive ? "/reset starts a new conversation; " : "") + larger_context(size);
  }
  return {};
}

std::string full_advice(bool has_history, const ContextSize& size) {
  return (has_history ? "/reset starts a new conversation; " : "") + larger_context(size);
}
