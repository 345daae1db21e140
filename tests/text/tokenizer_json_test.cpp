// tokenizer.json files that are refused, and the errors.
#include "vlmt/text/tokenizer_json.hpp"

#include <cstddef>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/text/bpe.hpp"

#include "text/fixtures.hpp"

namespace {

using Json = nlohmann::json;

std::string read(const std::string& name) {
  std::ifstream file(vlmt_test::text_data(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The error of parsing the text and building a tokenizer from it; "" if none.
std::string error_of(const std::string& text) {
  try {
    const vlmt::BpeTokenizer tokenizer(vlmt::parse_tokenizer_json(text, "t.json"), "t.json");
    return tokenizer.size() > 0 ? "" : "empty";
  } catch (const vlmt::Error& e) {
    return e.what();
  }
}

std::string error_after(const std::function<void(Json&)>& change) {
  static const Json good = Json::parse(read("tiny.json"));
  Json changed = good;
  change(changed);
  return error_of(changed.dump());
}

TEST(TokenizerJson, RefusesUnsupportedAndMalformedFiles) {
  EXPECT_EQ(error_after([](Json&) {}), "");
  const std::vector<std::pair<std::function<void(Json&)>, const char*>> cases{
      {[](Json& j) { j = Json::array(); }, "not a tokenizer.json"},
      {[](Json& j) { j.erase("model"); }, "`model`"},
      {[](Json& j) { j["model"]["type"] = "Unigram"; },
       "`model.type`: unsupported model (expected BPE, found \"Unigram\")"},
      {[](Json& j) { j["model"]["type"] = 3; }, "`model.type`: wrong type"},
      {[](Json& j) { j["model"]["byte_fallback"] = true; }, "`model.byte_fallback`"},
      {[](Json& j) { j["model"]["dropout"] = 0.1; }, "`model.dropout`"},
      {[](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "`model.end_of_word_suffix`"},
      {[](Json& j) { j["model"]["ignore_merges"] = "yes"; }, "`model.ignore_merges`: wrong type"},
      {[](Json& j) { j["model"].erase("vocab"); }, "`model.vocab`"},
      {[](Json& j) { j["model"]["vocab"]["!"] = -1; }, "`model.vocab`: token id is not a number"},
      {[](Json& j) { j["model"]["vocab"]["!"] = 1.5; }, "`model.vocab`: token id is not a number"},
      {[](Json& j) { j["model"]["vocab"]["!"] = 70'000; }, "`model.vocab`: token id out of range"},
      {[](Json& j) { j["model"]["vocab"]["!"] = 1; }, "two tokens with id 1"},
      {[](Json& j) { j["model"]["vocab"].erase("!"); }, "byte 33 has no token"},
      {[](Json& j) { j["model"].erase("merges"); }, "`model.merges`: missing"},
      {[](Json& j) { j["model"]["merges"] = 7; }, "`model.merges`: wrong type"},
      {[](Json& j) { j["model"]["merges"][3] = 7; }, "`model.merges[3]`: not a merge"},
      {[](Json& j) { j["model"]["merges"][3] = "ab"; }, "`merges[3]`: not a merge"},
      {[](Json& j) { j["model"]["merges"][3] = "q q"; }, "`merges[3]`: does not name a token to merge"},
      {[](Json& j) { j["added_tokens"] = "x"; }, "`added_tokens`: wrong type"},
      {[](Json& j) { j["added_tokens"][0] = "x"; }, "`added_tokens[0]`: wrong type"},
      {[](Json& j) { j["added_tokens"][0].erase("id"); }, "`added_tokens[0].id`: missing"},
      {[](Json& j) { j["added_tokens"][1]["content"] = ""; }, "`added_tokens[1].content`: missing or empty"},
      {[](Json& j) { j["added_tokens"][1]["id"] = 5; }, "`added_tokens[1].id`: id 5 is taken"},
      {[](Json& j) { j["added_tokens"][1]["content"] = "<|endoftext|>"; }, "duplicate token"},
      {[](Json& j) { j["added_tokens"][1]["special"] = 1; }, "`added_tokens[1].special`: wrong type"},
      {[](Json& j) { j["normalizer"]["type"] = "NFKC"; }, "`normalizer`: unsupported normalizer"},
      {[](Json& j) {
         j["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}};
       },
       "`normalizer.normalizers[0]`: unsupported normalizer"},
      {[](Json& j) { j["pre_tokenizer"] = nullptr; }, "`pre_tokenizer`: missing"},
      {[](Json& j) {
         j["pre_tokenizer"] = {{"type", "Whitespace"}};
       },
       "unsupported pre-tokenizer"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"].erase(1); }, "not a byte-level tokenizer"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"].erase(0); }, "no split pattern"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }, "behavior`: unsupported"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["invert"] = true; }, "invert`: unsupported"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a"; }, "pattern does not compile"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = std::string(5000, 'a'); },
       "`pattern`"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; }, "add_prefix_space`"},
      {[](Json& j) { j["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true; }, "use_regex`: two patterns"},
      {[](Json& j) {
         j["post_processor"] = {{"type", "BertProcessing"}};
       },
       "unsupported post-processor"},
      {[](Json& j) {
         j["post_processor"] = {{"type", "TemplateProcessing"}, {"single", {{{"SpecialToken", {{"id", "<none>"}}}}}}};
       },
       "is not the name of a token"},
      {[](Json& j) { j["decoder"]["type"] = "WordPiece"; }, "`decoder`: unsupported decoder"},
  };
  for (const auto& [change, message] : cases) {
    const std::string error = error_after(change);
    EXPECT_NE(error.find(message), std::string::npos) << "expected: " << message << "\nfound: " << error;
    EXPECT_TRUE(error.starts_with("t.json: ")) << error;
  }
}

// A file truncated anywhere neither crashes nor hangs.
TEST(TokenizerJson, RefusesTruncatedFiles) {
  const std::string text = read("tiny.json");
  for (std::size_t bytes = 0; bytes + 1 < text.size(); bytes += 97) {
    const std::string error = error_of(text.substr(0, bytes));
    EXPECT_NE(error.find("offset"), std::string::npos) << bytes;
    EXPECT_NE(error.find("not valid JSON"), std::string::npos) << bytes;
  }
  EXPECT_NE(error_of(std::string(100'000, '[')).find("not valid JSON"), std::string::npos);
  EXPECT_NE(error_of(std::string("\xFF\xFE{}")).find("not valid JSON"), std::string::npos);
}

TEST(TokenizerJson, RefusesMissingFiles) {
  EXPECT_THROW(vlmt::load_tokenizer_json("/nowhere/tokenizer.json"), vlmt::FileError);
  EXPECT_THROW(vlmt::load_tokenizer_json(VLMT_TEST_DATA), vlmt::FileError);
}

TEST(TokenizerJson, FillsHolesWithUnusedTokens) {
  Json j = Json::parse(read("tiny.json"));
  j["added_tokens"].back()["id"] = 800;
  const vlmt::BpeVocabulary v = vlmt::parse_tokenizer_json(j.dump());
  ASSERT_EQ(v.tokens.size(), 801u);
  EXPECT_EQ(v.types[799], vlmt::TokenType::unused);
  EXPECT_EQ(v.tokens[799], "[PAD799]");
  EXPECT_EQ(v.types[800], vlmt::TokenType::user_defined);
  const vlmt::BpeTokenizer tokenizer(v);
  EXPECT_EQ(tokenizer.token_bytes(799), "");
  // The name of an unused token stays plain text.
  for (const int id : tokenizer.encode("[PAD799]", vlmt::ParseSpecial::on)) EXPECT_NE(id, 799);
}

TEST(TokenizerJson, MergesAsStringsOrPairsAreTheSame) {
  Json j = Json::parse(read("tiny.json"));
  const vlmt::BpeVocabulary pairs = vlmt::parse_tokenizer_json(j.dump());
  for (Json& merge : j["model"]["merges"]) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  EXPECT_EQ(vlmt::parse_tokenizer_json(j.dump()).merges, pairs.merges);
}

}  // namespace
