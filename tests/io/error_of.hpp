// The message of the exception that a call throws.
#pragma once

#include <string>

/// Calls f and returns what its exception of type E says; "" if it throws none.
template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}
