#include "vlmt/text/vocabulary.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/byte_map.hpp"

#include "text/byte_vocabulary.hpp"

namespace {

using vlmt::BpeVocabulary;
using vlmt::TokenType;
using vlmt_test::add_merge;
using vlmt_test::add_token;
using vlmt_test::byte_vocabulary;

BpeVocabulary good() {
  BpeVocabulary v = byte_vocabulary();
  add_merge(v, "a", "b");
  add_merge(v, " ", "ab");
  v.eos_id = add_token(v, "<|im_end|>", TokenType::control);
  add_token(v, "<tool>", TokenType::user_defined);
  add_token(v, "[PAD260]", TokenType::unused);
  return v;
}

TEST(ByteMap, RoundTrips) {
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  EXPECT_EQ(vlmt::unmap_bytes(vlmt::map_bytes(all)), all);
  EXPECT_EQ(vlmt::map_bytes(" \n\t\x7F\xA0\xAD~!"), "ĠĊĉġłŃ~!");
  EXPECT_EQ(vlmt::unmap_bytes("a b"), std::nullopt);
  EXPECT_EQ(vlmt::unmap_bytes("ń"), std::nullopt);
  EXPECT_EQ(vlmt::unmap_bytes("中"), std::nullopt);
  EXPECT_EQ(vlmt::unmap_bytes("\xFF"), std::nullopt);
}

TEST(Vocabulary, RefusesBadData) {
  EXPECT_NO_THROW(vlmt::validate(good()));
  const std::vector<std::pair<std::function<void(BpeVocabulary&)>, const char*>> cases{
      {[](BpeVocabulary& v) { v.types.pop_back(); }, "one type per token is needed"},
      {[](BpeVocabulary& v) { v.tokens.back() = "<tool>"; }, "`tokens[260]`: duplicate token, same as 259"},
      {[](BpeVocabulary& v) { v.tokens[259].clear(); }, "`tokens[259]`: empty token"},
      {[](BpeVocabulary& v) { v.tokens[259] = "\xFF"; }, "not UTF-8"},
      {[](BpeVocabulary& v) { v.types[3] = static_cast<TokenType>(9); }, "`token_type[3]`: unknown token type"},
      {[](BpeVocabulary& v) { v.types[3] = static_cast<TokenType>(0); }, "`token_type[3]`: unknown token type"},
      {[](BpeVocabulary& v) { v.tokens[65] = "AA"; }, "byte 65 has no token"},
      {[](BpeVocabulary& v) { v.types[65] = TokenType::control; }, "byte 65 has no token"},
      {[](BpeVocabulary& v) { v.merges[0] = "ab"; }, "`merges[0]`: not a merge"},
      {[](BpeVocabulary& v) { v.merges[0] = "a "; }, "`merges[0]`: not a merge"},
      {[](BpeVocabulary& v) { v.merges[0] = " b"; }, "`merges[0]`: not a merge"},
      {[](BpeVocabulary& v) { v.merges[0] = "a b c"; }, "`merges[0]`: not a merge"},
      {[](BpeVocabulary& v) { v.merges[1] = "a z"; }, "`merges[1]`: does not name a token to merge"},
      {[](BpeVocabulary& v) { v.merges[1] = "zz a"; }, "`merges[1]`: does not name"},
      {[](BpeVocabulary& v) { v.types[256] = TokenType::control; }, "`merges[0]`: does not name"},
      {[](BpeVocabulary& v) { v.bos_id = 261; },
       "`bos_token_id`: token id out of range (expected 0 to 260, found 261)"},
      {[](BpeVocabulary& v) { v.eos_id = -1; }, "`eos_token_id`: token id out of range"},
      {[](BpeVocabulary& v) { v.add_bos = true; }, "`bos_token_id`: missing"},
      {[](BpeVocabulary& v) { v.eos_id.reset(), v.add_eos = true; }, "`eos_token_id`: missing"},
      {[](BpeVocabulary& v) { v.rules.push_back({.id = 300}); }, "`added_tokens`: token id out of range"},
      {[](BpeVocabulary& v) { v.rules.push_back({.id = 5}); },
       "`added_tokens`: rule for a token that is not an added token"},
      {[](BpeVocabulary& v) { v.pre = vlmt::PreTokenizer::regex; }, "`pattern`"},
      {[](BpeVocabulary& v) { v.pattern = "x"; }, "`pattern`"},
  };
  for (const auto& [change, message] : cases) {
    BpeVocabulary v = good();
    change(v);
    try {
      vlmt::validate(v, "some.gguf");
      ADD_FAILURE() << "accepted: " << message;
    } catch (const vlmt::FileError& e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
      EXPECT_TRUE(std::string(e.what()).starts_with("some.gguf: ")) << e.what();
    }
  }
}

TEST(Vocabulary, EnforcesLimits) {
  BpeVocabulary v = good();
  v.tokens[260].assign(vlmt::VocabularyLimits::token_bytes + 1, 'x');
  EXPECT_THROW(vlmt::validate(v), vlmt::LimitError);
  v = good();
  v.merges.resize(vlmt::VocabularyLimits::merges + 1);
  EXPECT_THROW(vlmt::validate(v), vlmt::LimitError);
  v = good();
  v.pattern.assign(vlmt::VocabularyLimits::pattern_bytes + 1, 'x');
  EXPECT_THROW(vlmt::validate(v), vlmt::LimitError);
}

TEST(Vocabulary, EndOfGeneration) {
  BpeVocabulary v = good();
  const int end = add_token(v, "<|endoftext|>", TokenType::control);
  const int plain = add_token(v, "</s>", TokenType::normal);
  v.eot_id = 259;
  const std::vector<int> ids = vlmt::end_of_generation(v);
  EXPECT_EQ(ids, (std::vector<int>{258, 259, end}));
  EXPECT_EQ(std::count(ids.begin(), ids.end(), plain), 0);
}

}  // namespace
