// XXH64 digests, for detecting changed or damaged files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

VLMT_BEGIN_NAMESPACE

/// The XXH64 digest of bytes. Detects accidental changes, not attacks. Pass a digest as the seed of the next call to
/// chain several spans.
std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept;

#if VLMT_HAS_BODIES

VLMT_BODY std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH64(bytes.data(), bytes.size(), seed);
}

#endif

VLMT_END_NAMESPACE
