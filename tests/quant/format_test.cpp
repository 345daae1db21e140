// Formats as types: the concept, the GGUF type table, lists and lookup.
#include "vlmt/quant/format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include <gtest/gtest.h>

#include "vlmt/quant/formats.hpp"
#include "vlmt/quant/ggml_type.hpp"

namespace {

using vlmt::BlockField;
using vlmt::QuantFormat;
using vlmt::TypeList;

template <class List>
inline constexpr bool consistent_v = false;
template <class... Fs>
inline constexpr bool consistent_v<TypeList<Fs...>> =
    ((QuantFormat<Fs> && vlmt::ggml_type_info(Fs::type_id).name == Fs::name &&
      vlmt::ggml_type_info(Fs::type_id).values == Fs::values &&
      vlmt::ggml_type_info(Fs::type_id).bytes == vlmt::block_bytes_v<Fs>)&&...);
static_assert(consistent_v<vlmt::formats::all> && consistent_v<vlmt::formats::common>);
static_assert(consistent_v<vlmt::formats::cache> && consistent_v<vlmt::formats::activations>);
static_assert(vlmt::formats::all::size == 17);

// Blocks in files lie at any address; arrays of blocks have no padding.
template <class... Fs>
constexpr bool unaligned(TypeList<Fs...>) {
  return ((Fs::values == 1 || alignof(typename Fs::Block) == 1) && ...);
}
static_assert(unaligned(vlmt::formats::all{}));

static_assert(vlmt::bits_per_weight_v<vlmt::Q4_K> == 4.5 && vlmt::bits_per_weight_v<vlmt::Q2_K> == 2.625);
static_assert(vlmt::bits_per_weight_v<vlmt::Q6_K> == 6.5625 && vlmt::bits_per_weight_v<vlmt::MXFP4> == 4.25);

// Every error in a field description is detected.
static_assert(vlmt::fields_tile(std::array<BlockField, 2>{{{0, 2, 2}, {2, 16, 4}}}, 18));
static_assert(!vlmt::fields_tile(std::array<BlockField, 2>{{{0, 2, 2}, {2, 16, 4}}}, 19), "bytes left over");
static_assert(!vlmt::fields_tile(std::array<BlockField, 2>{{{0, 2, 2}, {4, 16, 4}}}, 20), "a gap");
static_assert(!vlmt::fields_tile(std::array<BlockField, 2>{{{2, 16, 4}, {0, 2, 2}}}, 18), "out of order");
static_assert(!vlmt::fields_tile(std::array<BlockField, 1>{{{0, 6, 4}}}, 6), "not a whole number of units");
static_assert(!vlmt::fields_tile(std::array<BlockField, 1>{{{0, 6, 0}}}, 6), "no unit");

// A custom format, and near misses that the concept rejects.
struct Pair {
  struct Block {
    std::int8_t q[2];
  };
  static constexpr std::string_view name = "Pair";
  static constexpr std::size_t values = 2;
  static constexpr std::uint32_t type_id = 1000;
  static constexpr std::array<BlockField, 1> fields = {{{0, 2, 1}}};
  static void decode(const Block& b, float* y) noexcept {
    y[0] = b.q[0];
    y[1] = b.q[1];
  }
  static void encode(const float* x, Block& b) noexcept {
    b.q[0] = static_cast<std::int8_t>(x[0]);
    b.q[1] = static_cast<std::int8_t>(x[1]);
  }
};
struct WrongFields : Pair {
  static constexpr std::array<BlockField, 1> fields = {{{0, 1, 1}}};
};
struct ThrowingDecode : Pair {
  static void decode(const Block&, float*) {}
};
static_assert(QuantFormat<Pair> && !QuantFormat<WrongFields> && !QuantFormat<ThrowingDecode> && !QuantFormat<float>);

TEST(FormatTest, VisitsTheFormatWithTheGivenNumber) {
  for (std::uint32_t id = 0; id < 64; ++id) {
    std::string_view visited;
    int calls = 0;
    const bool found = vlmt::visit_format(vlmt::formats::all{}, id, [&](auto tag) {
      visited = decltype(tag)::type::name;
      ++calls;
    });
    EXPECT_EQ(found, calls == 1);
    if (found) {
      EXPECT_EQ(visited, vlmt::ggml_type_info(id).name);
    }
  }
  EXPECT_FALSE(vlmt::visit_format(vlmt::formats::common{}, vlmt::IQ4_NL::type_id, [](auto) { FAIL(); }));
  bool outside = false;
  EXPECT_TRUE(vlmt::visit_format(TypeList<vlmt::F32, Pair>{}, 1000,
                                 [&](auto tag) { outside = std::is_same_v<typename decltype(tag)::type, Pair>; }));
  EXPECT_TRUE(outside);
}

TEST(FormatTest, FindsFormatsByName) {
  EXPECT_EQ(vlmt::find_format("Q4_K"), 12u);
  EXPECT_EQ(vlmt::find_format("NVFP4"), 40u);
  EXPECT_EQ(vlmt::find_format<vlmt::formats::common>("NVFP4"), std::nullopt);
  EXPECT_EQ(vlmt::find_format("q4_k"), std::nullopt);
  EXPECT_EQ(vlmt::find_format(""), std::nullopt);
  EXPECT_EQ(vlmt::find_format<vlmt::formats::activations>("Q8_K"), 15u);
}

TEST(FormatTest, UnknownTypeNumbersHaveNoBlock) {
  for (const std::uint32_t id : {4u, 5u, 31u, 36u, 38u, 43u, 1000u, 0xffffffffu}) {
    EXPECT_EQ(vlmt::ggml_type_info(id).values, 0u) << id;
    EXPECT_TRUE(vlmt::ggml_type_info(id).name.empty()) << id;
  }
}

}  // namespace
