#include "vlmt/text/stop_matcher.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"

namespace {

using vlmt::StopMatcher;

TEST(StopMatcher, HoldsBackOnlyPossibleStops) {
  StopMatcher m({"</end>", "STOP"});
  EXPECT_EQ(m.push("hello <"), "hello ");
  EXPECT_EQ(m.push("/e"), "");
  EXPECT_EQ(m.push("x ST"), "</ex ");
  EXPECT_EQ(m.push("RIDE </end"), "STRIDE ");
  EXPECT_FALSE(m.stopped());
  EXPECT_EQ(m.push(">more"), "");
  EXPECT_TRUE(m.stopped());
  EXPECT_EQ(m.matched(), "</end>");
  EXPECT_EQ(m.push("x"), "");
  EXPECT_EQ(m.finish(), "");
}

TEST(StopMatcher, FinishReturnsTheHeldText) {
  StopMatcher m({"\n\n"});
  EXPECT_EQ(m.push("a\n"), "a");
  EXPECT_EQ(m.finish(), "\n");
  EXPECT_FALSE(m.stopped());
}

TEST(StopMatcher, WithoutStopsAllTextPasses) {
  StopMatcher m;
  EXPECT_EQ(m.push("anything"), "anything");
  EXPECT_EQ(m.finish(), "");
  EXPECT_FALSE(m.stopped());
}

TEST(StopMatcher, TheStopThatEndsFirstWins) {
  StopMatcher m({"abcd", "bc"});
  EXPECT_EQ(m.push("xabcd"), "xa");
  EXPECT_EQ(m.matched(), "bc");
  StopMatcher same_end({"c", "abc"});
  EXPECT_EQ(same_end.push("xabc"), "x");
  EXPECT_EQ(same_end.matched(), "abc");
}

TEST(StopMatcher, RefusesInvalidStops) {
  EXPECT_THROW(StopMatcher({""}), vlmt::InputError);
  EXPECT_THROW(StopMatcher({"\xFF"}), vlmt::InputError);
  EXPECT_THROW(StopMatcher(std::vector<std::string>(StopMatcher::max_stops + 1, "x")), vlmt::LimitError);
  EXPECT_THROW(StopMatcher({std::string(StopMatcher::max_stop_bytes + 1, 'x')}), vlmt::LimitError);
}

// Any chunking gives the same text and the same stop.
TEST(StopMatcher, ResultDoesNotDependOnChunking) {
  std::mt19937 random(4);
  const auto word = [&](std::size_t longest) {
    std::string w;
    for (std::size_t i = 1 + random() % longest; i > 0; --i) w += static_cast<char>('a' + random() % 2);
    return w;
  };
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> stops;
    for (std::size_t i = 1 + random() % 3; i > 0; --i) stops.push_back(word(6));
    const std::string text = word(20);
    // By definition: the first position where a stop ends; of those that end there, the longest.
    std::size_t begin = std::string::npos;
    for (std::size_t end = 1; end <= text.size() && begin == std::string::npos; ++end) {
      for (const std::string& stop : stops) {
        if (std::string_view(text).substr(0, end).ends_with(stop)) begin = std::min(begin, end - stop.size());
      }
    }
    StopMatcher m(stops);
    std::string shown;
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t n = 1 + random() % (text.size() - pos);
      shown += m.push(std::string_view(text).substr(pos, n));
      pos += n;
    }
    shown += m.finish();
    ASSERT_EQ(shown, text.substr(0, begin)) << text;
    ASSERT_EQ(m.stopped(), begin != std::string::npos);
  }
}

}  // namespace
