#include "vlmt/text/bpe.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"

#include "text/byte_vocabulary.hpp"

namespace {

using vlmt::BpeTokenizer;
using vlmt::BpeVocabulary;
using vlmt::ParseSpecial;
using vlmt::SkipSpecial;
using vlmt::TextPiece;
using vlmt::TokenType;
using vlmt_test::add_merge;
using vlmt_test::add_token;
using vlmt_test::byte_vocabulary;
using Ids = std::vector<int>;

// BPE by definition: while a pair merges, merge the leftmost pair of the lowest rank.
Ids merge_by_definition(const BpeVocabulary& v, std::string_view word) {
  std::map<std::pair<std::string, std::string>, std::size_t> ranks;
  for (std::size_t rank = 0; rank < v.merges.size(); ++rank) {
    const auto parts = vlmt::split_merge(v.merges[rank]);
    ranks[{std::string(parts->first), std::string(parts->second)}] = rank;
  }
  std::vector<std::string> symbols;
  for (const char c : word) symbols.push_back(vlmt::map_bytes({&c, 1}));
  for (;;) {
    std::size_t best = std::numeric_limits<std::size_t>::max(), at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found != ranks.end() && found->second < best) best = found->second, at = i;
    }
    if (best == std::numeric_limits<std::size_t>::max()) break;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
  Ids ids;
  for (const std::string& s : symbols) {
    ids.push_back(static_cast<int>(std::find(v.tokens.begin(), v.tokens.end(), s) - v.tokens.begin()));
  }
  return ids;
}

// Short and long words take different code paths; both must match the definition.
TEST(Bpe, MergesByDefinition) {
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    BpeVocabulary v = byte_vocabulary();
    std::vector<std::string> words{"a", "b", "c"};
    for (int m = 0; m < 25; ++m) {
      const std::string left = words[random() % words.size()], right = words[random() % words.size()];
      if (left.size() + right.size() > 9) continue;
      add_merge(v, left, right);
      words.push_back(left + right);
    }
    const BpeTokenizer tokenizer(v);
    for (const std::size_t length : {1u, 2u, 3u, 7u, 20u, 47u, 48u, 49u, 50u, 100u, 300u}) {
      std::string word;
      for (std::size_t i = 0; i < length; ++i)
        word += static_cast<char>('a' + random() % static_cast<unsigned>(round % 3 + 1));
      ASSERT_EQ(tokenizer.encode(word), merge_by_definition(v, word)) << word;
    }
  }
}

TEST(Bpe, DuplicateMergeKeepsItsLastRank) {
  BpeVocabulary v = byte_vocabulary();
  add_merge(v, "a", "b");
  add_merge(v, "b", "c");
  add_merge(v, "a", "b");
  const BpeTokenizer tokenizer(v);
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{'a', 257}));
}

struct AddedTokens : testing::Test {
  BpeVocabulary v = byte_vocabulary();
  int start = add_token(v, "<|im_start|>", TokenType::control);
  int end = add_token(v, "<|im_end|>", TokenType::control);
  int think = add_token(v, "<think>", TokenType::user_defined);
  int thinking = add_token(v, "<think>ing", TokenType::user_defined);
  int inside = add_token(v, "im_", TokenType::user_defined);
  int unused = add_token(v, "[PAD]", TokenType::unused);
  int unknown = add_token(v, "<unk>", TokenType::unknown);
  BpeTokenizer tokenizer{v};

  Ids bytes(std::string_view text) const {
    Ids ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
};

TEST_F(AddedTokens, ControlTokensNeedParseSpecial) {
  EXPECT_EQ(tokenizer.encode("<|im_start|>x", ParseSpecial::on), (Ids{start, 'x'}));
  EXPECT_EQ(tokenizer.encode("<|im_start|>x", ParseSpecial::off), bytes("<|im_start|>x"));
  EXPECT_EQ(tokenizer.encode("<unk>", ParseSpecial::on), (Ids{unknown}));
  EXPECT_EQ(tokenizer.encode("<unk>", ParseSpecial::off), bytes("<unk>"));
  EXPECT_EQ(tokenizer.encode("[PAD]", ParseSpecial::on), bytes("[PAD]"));
  for (const ParseSpecial special : {ParseSpecial::off, ParseSpecial::on}) {
    EXPECT_EQ(tokenizer.encode("<think>i", special), (Ids{think, 'i'}));
    EXPECT_EQ(tokenizer.encode("<think>ing", special), (Ids{thinking}));
    EXPECT_EQ(tokenizer.encode("xim_y", special), (Ids{'x', inside, 'y'}));
  }
}

// User text never becomes a control token, however it is split into pieces.
TEST_F(AddedTokens, UsersCannotForgeControlTokens) {
  std::mt19937 random(9);
  const std::vector<std::string_view> parts{"<",          "|",     "im_start", "im_end", "|>", "<|im_start|>",
                                            "<|im_end|>", "<unk>", "user\n",   "\xFF"};
  for (int round = 0; round < 5'000; ++round) {
    std::vector<std::string_view> texts;
    std::vector<TextPiece> pieces;
    for (std::size_t i = random() % 8; i > 0; --i)
      pieces.push_back({parts[random() % parts.size()], ParseSpecial::off});
    Ids ids;
    tokenizer.encode(pieces, ids);
    for (const int id : ids) {
      ASSERT_NE(tokenizer.token_type(id), TokenType::control);
      ASSERT_NE(tokenizer.token_type(id), TokenType::unknown);
    }
  }
}

TEST_F(AddedTokens, PlainTextJoinsAcrossPiecesButAddedTokensDoNot) {
  BpeVocabulary w = v;
  add_merge(w, "\n", "\n");
  add_merge(w, "a", "b");
  w.nfc = true;
  const BpeTokenizer t(w);
  const auto encode = [&](std::vector<TextPiece> pieces) {
    Ids ids;
    t.encode(pieces, ids);
    return ids;
  };
  // As in one text: "\n\n" merges, "ab" merges, e and U+0301 compose.
  EXPECT_EQ(encode({{"user\n", ParseSpecial::on}, {"\nx", ParseSpecial::off}}), t.encode("user\n\nx"));
  EXPECT_EQ(encode({{"a", ParseSpecial::off}, {"b", ParseSpecial::on}}), t.encode("ab"));
  EXPECT_EQ(encode({{"e", ParseSpecial::off}, {"\u0301", ParseSpecial::off}}), t.encode("\u00E9"));
  EXPECT_EQ(encode({{"<|im_end|>a", ParseSpecial::on}, {"b<|im_end|>", ParseSpecial::off}}).front(), end);
  // An added token that would span two pieces is not matched.
  EXPECT_EQ(encode({{"<thi", ParseSpecial::on}, {"nk>", ParseSpecial::on}}), bytes("<think>"));
  EXPECT_EQ(encode({{"<|im_end|", ParseSpecial::on}, {">", ParseSpecial::on}}),
            encode({{"<|im_end", ParseSpecial::off}, {"|>", ParseSpecial::off}}));
  EXPECT_EQ(encode({}), Ids{});
  EXPECT_EQ(encode({{"", ParseSpecial::on}, {"", ParseSpecial::off}}), Ids{});
}

TEST_F(AddedTokens, DecodesToNamesAndBytes) {
  const Ids ids{start, 'h', 'i', think, end, unused};
  EXPECT_EQ(tokenizer.decode(ids), "<|im_start|>hi<think><|im_end|>");
  EXPECT_EQ(tokenizer.decode(ids, SkipSpecial::on), "hi<think>");
  EXPECT_EQ(tokenizer.token_bytes(0xC3), "\xC3");
  EXPECT_EQ(tokenizer.decode(Ids{0xC3, 0xA9}), "\u00E9");
  EXPECT_EQ(tokenizer.decode(Ids{0xC3, 'x'}), "\uFFFDx");
  for (const int id : {-1, tokenizer.size(), std::numeric_limits<int>::max(), std::numeric_limits<int>::min()}) {
    EXPECT_THROW(tokenizer.decode(Ids{id}), vlmt::InputError);
    EXPECT_THROW(tokenizer.token_bytes(id), vlmt::InputError);
    EXPECT_THROW(tokenizer.token_type(id), vlmt::InputError);
  }
}

TEST_F(AddedTokens, IllFormedBytesCountAsReplacementCharacters) {
  EXPECT_EQ(tokenizer.encode("a\xFF\xE2\x82z"), tokenizer.encode("a\uFFFD\uFFFDz"));
  EXPECT_EQ(tokenizer.encode("\xC3"), bytes("\uFFFD"));
  EXPECT_EQ(tokenizer.encode(std::string("\0a", 2)), (Ids{0, 'a'}));
}

TEST_F(AddedTokens, RefusesTooLongText) {
  const std::string megabytes(BpeTokenizer::max_text_bytes / 4, 'x');
  const std::vector<TextPiece> pieces(5, {megabytes, ParseSpecial::off});
  Ids ids;
  EXPECT_THROW(tokenizer.encode(pieces, ids), vlmt::LimitError);
  EXPECT_TRUE(ids.empty());
}

// Holds for valid text without normalisation.
TEST_F(AddedTokens, DecodingInvertsEncoding) {
  std::mt19937 random(11);
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (std::size_t i = random() % 20; i > 0; --i) {
      vlmt::append_utf8(text, static_cast<char32_t>(random() % (random() % 2 ? 0x80 : 0x110000)));
    }
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

}  // namespace
