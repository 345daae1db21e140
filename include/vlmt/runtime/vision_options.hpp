// Options of a vision runner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vlmt/base/config.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

/// Options of a vision runner.
struct VisionOptions {
  std::optional<std::uint64_t> min_pixels = {};      ///< of a resized image; the file's value if absent
  std::optional<std::uint64_t> max_pixels = {};      ///< the same, and of all frames of a video together
  std::size_t cache_bytes = std::size_t{128} << 20;  ///< of features kept for repeated images; 0: none
  Numerics numerics = Numerics::fast;
};

VLMT_END_NAMESPACE
