// Cells of a KV cache from one page to another: forks of a sequence.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace op {

/// Copies the first `slots` slots of every layer from one page to another of the same layout. A contiguous cache is one
/// page.
template <class Layout>
struct CopyCells {
  Layout layout;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  std::size_t layers = 0;
  std::size_t slots = 0;
};

}  // namespace op

VLMT_END_NAMESPACE
