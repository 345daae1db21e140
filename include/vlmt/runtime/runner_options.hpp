// Options of a runner, and the bytes that it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vlmt/base/config.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

/// Options of a runner. Values out of range are refused. Runner::options() tells the values in use: a chunk is no
/// longer than the context, and logit_rows no more than a chunk.
struct RunnerOptions {
  std::size_t context = 8192;  ///< maximum tokens of prompt and answer together, 1 to 2^24
  std::size_t chunk = 256;     ///< tokens of one prefill step, 1 to 4096
  std::size_t logit_rows = 1;  ///< rows of logits that score() computes at once, 1 to 4096
  Numerics numerics = Numerics::fast;
  std::optional<std::uint32_t> key_format = {};    ///< GGUF type number; the family's KvFormat if absent
  std::optional<std::uint32_t> value_format = {};  ///< the same for values
};

/// Bytes that a runner allocates.
struct RunnerBytes {
  std::size_t kv_cache = 0;
  std::size_t workspace = 0;
};

VLMT_END_NAMESPACE
