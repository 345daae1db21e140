// The message of an assertion that fails in a call.
#pragma once

#include <stdexcept>
#include <string>

#include "vlmt/base/assert.hpp"

namespace vlmt_test {

struct FailedAssertion : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Calls f with an assertion handler that throws. Returns the text of the assertion that failed, or "none".
template <class F>
std::string assertion_of(F&& f) {
  const vlmt::AssertHandler old =
      vlmt::set_assert_handler([](const char* condition, const char*, int) { throw FailedAssertion(condition); });
  std::string text = "none";
  try {
    f();
  } catch (const FailedAssertion& e) {
    text = e.what();
  }
  vlmt::set_assert_handler(old);
  return text;
}

}  // namespace vlmt_test
