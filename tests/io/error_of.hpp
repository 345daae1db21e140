// Message of the exception thrown by a call.
#pragma once

#include <string>

/// Calls f and returns the message of the E it throws; "" if it throws nothing.
template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}
