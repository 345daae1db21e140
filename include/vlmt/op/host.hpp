// A function of the user's on the host, between two ops: a probe, or a processor of logits.
#pragma once

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// Calls f() once, on one thread, after all earlier ops and before all later ones.
template <class F>
struct Host {
  F f;
};

}  // namespace op

VLMT_END_NAMESPACE
