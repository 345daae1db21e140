// Dimensions of the KV cache of a sequence.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Dimensions of a KV cache.
struct KvShape {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t capacity = 0;  ///< slots per layer: maximum length of the sequence
};

VLMT_END_NAMESPACE
