// Delivery of text on a worker thread: order, timing, and the end of an answer.
#include "vlmt/runtime/text_delivery.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace vlmt {
namespace text_delivery_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Token i is the i-th letter, token 26 the first byte of "é" and 27 its second.
struct Letters {
  void encode(std::span<const TextPiece>, std::vector<int>&) const {}
  std::string_view token_bytes(int id) const {
    return std::string_view("abcdefghijklmnopqrstuvwxyz\xc3\xa9").substr(static_cast<std::size_t>(id), 1);
  }
  TokenType token_type(int) const { return TokenType::normal; }
  int size() const { return 28; }
};
static_assert(Tokenizer<Letters>);

const Letters letters;

TEST(TextDelivery, DeliversAllInOrderOnAnotherThread) {
  StopMatcher stops;
  const std::thread::id caller = std::this_thread::get_id();
  std::string text;
  bool elsewhere = true;
  const TextSink sink([&](std::string_view piece) {
    text += piece;
    elsewhere &= std::this_thread::get_id() != caller;
  });
  TextDelivery delivery(letters, stops, sink);
  for (int i = 0; i < 26; ++i) ASSERT_TRUE(delivery.push(i));
  ASSERT_TRUE(delivery.push(1000));  // a padding row of the head
  delivery.finish();
  EXPECT_FALSE(delivery.ended());
  EXPECT_EQ(text, "abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(delivery.take_text(), text);
  EXPECT_TRUE(elsewhere);
}

TEST(TextDelivery, HeldBytesAreDeliveredAtTheEnd) {
  StopMatcher stops({"zz"});
  std::vector<std::string> pieces;
  const TextSink sink([&](std::string_view piece) { pieces.emplace_back(piece); });
  TextDelivery delivery(letters, stops, sink);
  for (int id : {26, 27, 25, 26}) ASSERT_TRUE(delivery.push(id));
  delivery.finish();
  EXPECT_EQ(pieces, (std::vector<std::string>{"\xc3\xa9", "z\xef\xbf\xbd"}));
}

TEST(TextDelivery, DeliveryOverlapsTheNextToken) {
  StopMatcher stops;
  const TextSink slow([](std::string_view) { std::this_thread::sleep_for(20ms); });
  const auto start = Clock::now();
  TextDelivery delivery(letters, stops, slow);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(delivery.push(i));
    std::this_thread::sleep_for(20ms);
  }
  delivery.finish();
  // Without overlap: 400 ms.
  EXPECT_LT(Clock::now() - start, 340ms);
}

TEST(TextDelivery, ASlowSinkSetsThePace) {
  StopMatcher stops;
  std::atomic<int> taken = 0, delivered = 0;
  int furthest = 0;
  const TextSink slow([&](std::string_view) {
    std::this_thread::sleep_for(5ms);
    ++delivered;
  });
  TextDelivery delivery(letters, stops, slow);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(delivery.push(i));
    furthest = std::max(furthest, ++taken - delivered);
  }
  delivery.finish();
  EXPECT_LE(furthest, 1);
  EXPECT_EQ(delivered, 10);
}

TEST(TextDelivery, TheSinkCanEndTheAnswer) {
  StopMatcher stops;
  int calls = 0;
  const TextSink sink([&](std::string_view) { return ++calls < 3; });
  TextDelivery delivery(letters, stops, sink);
  int taken = 0;
  while (taken < 26 && delivery.push(taken)) ++taken;
  delivery.finish();
  EXPECT_EQ(taken, 3);
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(delivery.ended());
  EXPECT_EQ(delivery.take_text(), "abc");
}

TEST(TextDelivery, StopStringAcrossTokensEndsTheAnswer) {
  StopMatcher stops({"de"});
  const TextSink none;
  TextDelivery delivery(letters, stops, none);
  int taken = 0;
  while (taken < 26 && delivery.push(taken)) ++taken;
  delivery.finish();
  EXPECT_EQ(taken, 5);
  EXPECT_TRUE(delivery.ended());
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(delivery.take_text(), "abc");
}

TEST(TextDelivery, TheLastTokenCanEndTheAnswer) {
  StopMatcher stops;
  const TextSink sink([](std::string_view) { return false; });
  TextDelivery delivery(letters, stops, sink);
  ASSERT_TRUE(delivery.push(0));
  delivery.finish();
  EXPECT_TRUE(delivery.ended());
}

TEST(TextDelivery, ExceptionsOfTheSinkReachTheCaller) {
  StopMatcher stops;
  const TextSink sink([](std::string_view) -> bool { throw std::runtime_error("no paper"); });
  TextDelivery delivery(letters, stops, sink);
  ASSERT_TRUE(delivery.push(0));
  EXPECT_FALSE(delivery.push(1));
  EXPECT_THROW(delivery.finish(), std::runtime_error);
}

TEST(TextSink, AnEmptyFunctionIsNoCallback) {
  EXPECT_TRUE(TextSink(std::function<bool(std::string_view)>())("a"));
  EXPECT_TRUE(TextSink(std::function<void(std::string_view)>())("a"));
  const std::function<void(std::string_view)> none;
  EXPECT_TRUE(TextSink(none)("a"));
  bool (*const null)(std::string_view) = nullptr;
  EXPECT_TRUE(TextSink(null)("a"));
  // What can be called is called.
  EXPECT_FALSE(TextSink(std::function<bool(std::string_view)>([](std::string_view) { return false; }))("a"));
  EXPECT_FALSE(TextSink(+[](std::string_view) { return false; })("a"));
}

TEST(TextDelivery, DestructionDeliversNothingMore) {
  StopMatcher stops({"ab"});
  std::string text;
  {
    const TextSink sink([&](std::string_view piece) { text += piece; });
    TextDelivery delivery(letters, stops, sink);
    ASSERT_TRUE(delivery.push(0));  // held back: possible start of a stop string
  }
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace text_delivery_test
}  // namespace vlmt
