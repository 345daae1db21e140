#include "vlmt/text/stream_decoder.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/bpe.hpp"
#include "vlmt/text/utf8.hpp"

#include "text/byte_vocabulary.hpp"

namespace {

TEST(Utf8Stream, HoldsBackIncompleteCharacters) {
  vlmt::Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80z"), "\U0001F600z");
  EXPECT_EQ(stream.push(""), "");
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push("\x82"), "\uFFFD");
  EXPECT_EQ(stream.push("\xE2"), "");
  EXPECT_EQ(stream.push("x"), "\uFFFDx");
  EXPECT_EQ(stream.push("\xE2"), "");
  EXPECT_EQ(stream.push("\xE2\x82\xAC"), "\uFFFD€");
}

// For any chunking, the text equals that of all bytes, each piece is valid, and at most three bytes are held back.
TEST(Utf8Stream, AnyChunkingGivesTheSameText) {
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (std::size_t i = random() % 12; i > 0; --i) {
      if (random() % 3 == 0) {
        bytes += static_cast<char>(random() % 256);
      } else {
        vlmt::append_utf8(bytes, static_cast<char32_t>(random() % 0x11000) << random() % 5);
      }
    }
    vlmt::Utf8Stream stream;
    std::string text;
    for (std::string_view left = bytes; !left.empty();) {
      const std::size_t n = 1 + random() % std::min<std::size_t>(left.size(), 5);
      const std::string piece = stream.push(left.substr(0, n));
      ASSERT_TRUE(vlmt::is_valid_utf8(piece));
      text += piece;
      left.remove_prefix(n);
      const std::string so_far = vlmt::to_valid_utf8(std::string_view(bytes).substr(0, bytes.size() - left.size()));
      ASSERT_LE(so_far.size(), text.size() + 3);
    }
    text += stream.finish();
    ASSERT_EQ(text, vlmt::to_valid_utf8(bytes));
  }
}

TEST(StreamDecoder, DecodesTokenByToken) {
  vlmt::BpeVocabulary v = vlmt_test::byte_vocabulary();
  const int end = vlmt_test::add_token(v, "<|im_end|>", vlmt::TokenType::control);
  const int think = vlmt_test::add_token(v, "<think>", vlmt::TokenType::user_defined);
  const vlmt::BpeTokenizer tokenizer(v);
  vlmt::StreamDecoder all(tokenizer), quiet(tokenizer, vlmt::SkipSpecial::on);
  EXPECT_EQ(all.push(0xC3), "");
  EXPECT_EQ(all.push(0xA9), "é");
  EXPECT_EQ(all.push(end), "<|im_end|>");
  EXPECT_EQ(quiet.push(end), "");
  EXPECT_EQ(quiet.push(think), "<think>");
  EXPECT_EQ(quiet.push(0xC3), "");
  EXPECT_EQ(quiet.push(think), "\uFFFD<think>");
  EXPECT_EQ(quiet.push(0xC3), "");
  EXPECT_EQ(quiet.finish(), "\uFFFD");
  EXPECT_THROW(all.push(-1), vlmt::InputError);
  EXPECT_THROW(quiet.push(tokenizer.size()), vlmt::InputError);
}

}  // namespace
