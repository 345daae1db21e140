// Weights from files to memory of a backend, in the form that its products read.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// Packs the tensors that `loader` knows, in memory of the host, to `packed` in memory of the backend.
template <class Loader>
struct Pack {
  Loader* loader = nullptr;
  std::byte* packed = nullptr;
};

}  // namespace op

VLMT_END_NAMESPACE
