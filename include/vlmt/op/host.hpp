// A function of the user's on the host, between two ops: a probe, or a processor of logits.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Rows of values that a function on the host reads or, if T is not const, also changes.
template <class T>
struct HostRows {
  T* data = nullptr;  ///< (rows, cols)
  std::size_t rows = 0;
  std::size_t cols = 0;
};

/// No second array.
struct NoHostRows {};

namespace op {

/// Calls f(first) or f(first, second) once, on one thread, after all earlier ops and before all later ones. The arrays
/// are in memory of the backend; f gets them, or a copy on the host that goes back after a change.
template <class F, class First, class Second = NoHostRows>
struct Host {
  F f;
  First first;
  Second second = {};
};

}  // namespace op

VLMT_END_NAMESPACE
