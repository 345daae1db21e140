// XXH64 digests: a check that a file is the one that was written.
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

/// The XXH64 digest of bytes. It tells accidents from the original, not attackers. A digest as the seed of the next
/// call chains several stretches.
std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept;

#if VLMT_HAS_BODIES

VLMT_BODY std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH64(bytes.data(), bytes.size(), seed);
}

#endif

VLMT_END_NAMESPACE
