// Type lists, and dispatch from a run-time value to a type or constant.
#include "vlmt/base/type_list.hpp"

#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace {

using vlmt::contains_v;
using vlmt::TypeList;

using Numbers = TypeList<char, short, int, long>;
static_assert(Numbers::size == 4 && TypeList<>::size == 0);
static_assert(contains_v<int, Numbers> && !contains_v<float, Numbers> && !contains_v<int, TypeList<>>);
static_assert(!vlmt::dependent_false_v<int> && !vlmt::dependent_false_v<>);

constexpr std::size_t sum_of_sizes() {
  std::size_t sum = 0;
  vlmt::for_each_type(Numbers{}, [&](auto tag) { sum += sizeof(typename decltype(tag)::type); });
  return sum;
}
static_assert(sum_of_sizes() == sizeof(char) + sizeof(short) + sizeof(int) + sizeof(long));

TEST(TypeListTest, VisitsInOrder) {
  std::string sizes;
  vlmt::for_each_type(Numbers{}, [&](auto tag) { sizes += std::to_string(sizeof(typename decltype(tag)::type)); });
  EXPECT_EQ(sizes, "1248");
  vlmt::for_each_type(TypeList<>{}, [&](auto) { FAIL() << "nothing to visit"; });
}

TEST(TypeListTest, VisitFirstCallsOnlyTheFirstMatch) {
  int calls = 0;
  std::size_t size = 0;
  const auto at_least_two = [](auto tag) { return sizeof(typename decltype(tag)::type) >= 2; };
  EXPECT_TRUE(vlmt::visit_first(Numbers{}, at_least_two, [&](auto tag) {
    ++calls;
    size = sizeof(typename decltype(tag)::type);
  }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(size, 2u);
  EXPECT_FALSE(vlmt::visit_first(
      Numbers{}, [](auto) { return false; }, [&](auto) { ++calls; }));
  EXPECT_EQ(calls, 1);
}

TEST(TypeListTest, VisitValueGivesAConstant) {
  for (const int value : {64, 96, 128, 7}) {
    std::size_t size = 0;
    const bool found = vlmt::visit_value<64, 96, 128>(value, [&](auto n) { size = sizeof(char[n]); });
    EXPECT_EQ(found, value != 7);
    EXPECT_EQ(size, value == 7 ? 0u : static_cast<std::size_t>(value));
  }
}

static_assert(std::is_same_v<vlmt::Filtered<std::is_floating_point, vlmt::TypeList<int, float, char, double>>,
                             vlmt::TypeList<float, double>>);
static_assert(std::is_same_v<vlmt::Filtered<std::is_floating_point, vlmt::TypeList<>>, vlmt::TypeList<>>);

enum class Colour { kRed, kBlue };
TEST(TypeListTest, VisitValueAcceptsEnumerators) {
  bool blue = false;
  EXPECT_TRUE((vlmt::visit_value<Colour::kRed, Colour::kBlue>(Colour::kBlue, [&](auto c) {
    static_assert(std::is_same_v<typename decltype(c)::value_type, Colour>);
    blue = c.value == Colour::kBlue;
  })));
  EXPECT_TRUE(blue);
}

}  // namespace
