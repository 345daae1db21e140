// Softmax and sigmoid of one row.
#pragma once

#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/softmax.hpp"
#include "vlmt/kernel/ref/softmax.hpp"
#include "vlmt/kernel/reference.hpp"

VLMT_BEGIN_NAMESPACE

/// x = softmax(x) over n > 0 finite values, on the calling thread.
template <class Arch>
void softmax_row(float* x, std::size_t n) {
  VLMT_ASSERT_LT("softmax_row", 0, n);
  VLMT_ASSERT_SET("softmax_row", x);
  if constexpr (is_reference_v<Arch>) {
    ref::softmax_row(x, n);
  } else {
    cpu::softmax_row<Arch>(x, n);
  }
}

/// x = 1 / (1 + e^-x) over n values, on the calling thread.
template <class Arch>
void sigmoid_row(float* x, std::size_t n) {
  if (n != 0) VLMT_ASSERT_SET("sigmoid_row", x);
  if constexpr (is_reference_v<Arch>) {
    ref::sigmoid_row(x, n);
  } else {
    cpu::sigmoid_row<Arch>(x, n);
  }
}

VLMT_END_NAMESPACE
