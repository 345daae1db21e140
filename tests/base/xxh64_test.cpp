// XXH64 against published digests, and seeds.
#include "vlmt/base/xxh64.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <gtest/gtest.h>

namespace vlmt {
namespace {

std::uint64_t of(std::string_view text) {
  return xxh64(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(Xxh64, MatchesPublishedDigests) {
  EXPECT_EQ(of(""), 0xef46db3751d8e999u);
  EXPECT_EQ(of("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

TEST(Xxh64, SeedChangesTheDigest) {
  const std::byte bytes[3] = {};
  EXPECT_NE(xxh64(bytes), xxh64(bytes, 1));
  EXPECT_EQ(xxh64(bytes, 0), xxh64(bytes));
}

}  // namespace
}  // namespace vlmt
