#include "vlmt/base/xxh64.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#if __has_include(<xxhash.h>)
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

namespace vlmt {
namespace {

std::uint64_t of(std::string_view text) {
  return xxh64(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(Xxh64, GivesThePublishedDigests) {
  EXPECT_EQ(of(""), 0xef46db3751d8e999u);
  EXPECT_EQ(of("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

#if __has_include(<xxhash.h>)
TEST(Xxh64, IsTheLibrarysForAllLengthsAndSeeds) {
  std::vector<std::byte> bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i * 7 + 3);
  for (const std::uint64_t seed : {std::uint64_t{0}, ~std::uint64_t{5}}) {
    for (std::size_t at : {0u, 1u}) {
      for (std::size_t n = 0; at + n <= bytes.size(); ++n) {
        EXPECT_EQ(xxh64(std::span(bytes).subspan(at, n), seed), XXH64(bytes.data() + at, n, seed)) << at << " " << n;
      }
    }
  }
}
#endif

}  // namespace
}  // namespace vlmt
