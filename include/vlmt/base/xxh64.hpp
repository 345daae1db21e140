// XXH64, so that checking files needs no library.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// The XXH64 digest of bytes (xxHash specification 0.1.1). It tells accidents from the original, not attackers. A
/// digest as the seed of the next call chains several stretches.
inline std::uint64_t xxh64(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept {
  constexpr std::uint64_t p1 = 0x9e3779b185ebca87, p2 = 0xc2b2ae3d27d4eb4f, p3 = 0x165667b19e3779f9,
                          p4 = 0x85ebca77c2b2ae63, p5 = 0x27d4eb2f165667c5;
  const std::byte* p = bytes.data();
  const std::byte* const end = p + bytes.size();
  const auto take = [&p]<class Word>(Word) {
    Word word;
    std::memcpy(&word, p, sizeof word);
    p += sizeof word;
    return static_cast<std::uint64_t>(word);
  };
  const auto round = [](std::uint64_t lane, std::uint64_t word) { return std::rotl(lane + word * p2, 31) * p1; };

  std::uint64_t hash = seed + p5;
  if (bytes.size() >= 32) {
    std::uint64_t lanes[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    do {
      for (std::uint64_t& lane : lanes) lane = round(lane, take(std::uint64_t{}));
    } while (end - p >= 32);
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * p1 + p4;
  }
  hash += bytes.size();
  while (end - p >= 8) hash = std::rotl(hash ^ round(0, take(std::uint64_t{})), 27) * p1 + p4;
  if (end - p >= 4) hash = std::rotl(hash ^ (take(std::uint32_t{}) * p1), 23) * p2 + p3;
  while (p != end) hash = std::rotl(hash ^ (take(std::uint8_t{}) * p5), 11) * p1;
  hash = (hash ^ (hash >> 33)) * p2;
  hash = (hash ^ (hash >> 29)) * p3;
  return hash ^ (hash >> 32);
}

VLMT_END_NAMESPACE
