// Small tokenizers of each kind, compared with the Hugging Face "tokenizers" package.
#include "text/fixtures.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/text/bpe.hpp"
#include "vlmt/text/tokenizer_json.hpp"

namespace {

using vlmt::BpeTokenizer;
using vlmt::BpeVocabulary;
using vlmt::ParseSpecial;
using vlmt_test::text_data;

TEST(Fixtures, SmallQwen3) {
  const BpeVocabulary vocabulary = vlmt::load_tokenizer_json(text_data("tiny.json"));
  EXPECT_EQ(vocabulary.pre, vlmt::PreTokenizer::qwen2);
  EXPECT_TRUE(vocabulary.nfc);
  EXPECT_FALSE(vocabulary.ignore_merges);
  EXPECT_FALSE(vocabulary.add_bos);
  vlmt_test::check_fixtures(BpeTokenizer(vocabulary), "tiny.fixtures", 200);
}

TEST(Fixtures, Llama3) {
  const BpeVocabulary vocabulary = vlmt::load_tokenizer_json(text_data("llama3_tiny.json"));
  EXPECT_EQ(vocabulary.pre, vlmt::PreTokenizer::llama3);
  EXPECT_FALSE(vocabulary.nfc);
  EXPECT_TRUE(vocabulary.ignore_merges);
  EXPECT_TRUE(vocabulary.add_bos);
  const BpeTokenizer tokenizer(vocabulary);
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_EQ(tokenizer.bos_id(), tokenizer.added_token("<|begin_of_text|>"));
  vlmt_test::check_fixtures(tokenizer, "llama3_tiny.fixtures", 300);
}

// The word table of ignore_merges holds views into the tokenizer, which must survive a move.
TEST(Fixtures, MovedTokenizerWorks) {
  BpeTokenizer first(vlmt::load_tokenizer_json(text_data("llama3_tiny.json")));
  const std::vector<int> ids = first.encode("zzz 123 xyz");
  const BpeTokenizer second = std::move(first);
  EXPECT_EQ(second.encode("zzz 123 xyz"), ids);
  EXPECT_EQ(second.decode(ids), "zzz 123 xyz");
}

TEST(Fixtures, RegexAndRulesOfAddedTokens) {
  const BpeVocabulary vocabulary = vlmt::load_tokenizer_json(text_data("rules_tiny.json"));
  EXPECT_EQ(vocabulary.pre, vlmt::PreTokenizer::regex);
  EXPECT_EQ(vocabulary.pattern, vlmt::gpt2_pattern);
  EXPECT_EQ(vocabulary.rules.size(), 6u);
  vlmt_test::check_fixtures(BpeTokenizer(vocabulary), "rules_tiny.fixtures", 400);
}

}  // namespace
