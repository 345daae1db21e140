// XXH64 digests, for detecting changed or damaged files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"

#if VLMT_HAS_BODIES
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

VLMT_BEGIN_NAMESPACE

/// The XXH64 digest of bytes. Detects accidental changes, not attacks. Pass a digest as the seed of the next call to
/// chain several spans.
std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept;

/// The same for gigabytes. Throws Cancelled soon after `stop` is set.
std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed, const StopFlag* stop);

#if VLMT_HAS_BODIES

VLMT_BODY std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return XXH64(bytes.data(), bytes.size(), seed);
}

VLMT_BODY std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed, const StopFlag* stop) {
  constexpr std::size_t slice = std::size_t{8} << 20;
  XXH64_state_t state;
  XXH64_reset(&state, seed);
  while (!bytes.empty()) {
    throw_if_set(stop);
    const auto part = bytes.first(bytes.size() < slice ? bytes.size() : slice);
    XXH64_update(&state, part.data(), part.size());
    bytes = bytes.subspan(part.size());
  }
  return XXH64_digest(&state);
}

#endif

VLMT_END_NAMESPACE
