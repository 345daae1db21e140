// The real Qwen3 tokenizer: same ids as the Hugging Face "tokenizers" package, and no slow inputs.
#include <cstddef>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/text/bpe.hpp"
#include "vlmt/text/tokenizer_json.hpp"

#include "text/fixtures.hpp"

namespace {

using vlmt::ParseSpecial;

const vlmt::BpeTokenizer& qwen3() {
  static const vlmt::BpeTokenizer tokenizer(
      vlmt::load_tokenizer_json(std::filesystem::path(VLMT_TEST_UNPACKED) / "text" / "qwen3.json"));
  return tokenizer;
}

TEST(Qwen3, KnownVectors) {
  const std::vector<std::pair<std::string, std::vector<int>>> vectors{
      {"Hello world", {9707, 1879}},
      {" Hello world", {21927, 1879}},
      {"  Hello", {220, 21927}},
      {"3333333", std::vector<int>(7, 18)},
      {"\n =", {198, 284}},
      {"\t\n", {1572}},
      {"!!!!!!", {17085, 2928}},
      {"Cửa Việt", {34, 90063, 128324}},
      {"Äpfel", {86975, 15897, 301}},
      {"ied 4 ½ months", {1122, 220, 19, 220, 26062, 3951}},
      {"don't can't I'll we've", {15007, 944, 646, 944, 358, 3278, 582, 3003}}};
  for (const auto& [text, ids] : vectors) {
    EXPECT_EQ(qwen3().encode(text), ids) << text;
    EXPECT_EQ(qwen3().decode(ids), text);
  }
  EXPECT_EQ(qwen3().encode("<|vision_start|><|image_pad|><|vision_end|>", ParseSpecial::on),
            (std::vector<int>{151652, 151655, 151653}));
  EXPECT_EQ(qwen3().size(), 151669);
  EXPECT_EQ(qwen3().added_token("<|im_end|>"), 151645);
  EXPECT_EQ(qwen3().added_token("<|im_"), std::nullopt);
  EXPECT_EQ(qwen3().token_type(151645), vlmt::TokenType::control);
  EXPECT_EQ(qwen3().token_type(151668), vlmt::TokenType::user_defined);
  EXPECT_TRUE(qwen3().ends_generation(151645));
  EXPECT_TRUE(qwen3().ends_generation(151643));
  EXPECT_FALSE(qwen3().ends_generation(151644));
}

TEST(Qwen3, EqualsReference) {
  vlmt_test::check_fixtures(qwen3(), "qwen3.fixtures", 500);
}

#if !defined(__OPTIMIZE__) || defined(VLMT_TEST_SANITIZED) || defined(__SANITIZE_THREAD__)
constexpr double seconds_allowed = 30;  // slower than a release build, but still no quadratic time
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr double seconds_allowed = 30;
#else
constexpr double seconds_allowed = 1;
#endif
#else
constexpr double seconds_allowed = 1;
#endif

// Processor time, so that other processes do not count.
double seconds_for(const std::string& text, std::size_t& tokens) {
  const std::clock_t begin = std::clock();
  tokens = qwen3().encode(text).size();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

TEST(Qwen3, OneMegabyteOfAnythingTakesLessThanASecond) {
  constexpr std::size_t megabyte = 1'000'000;
  std::mt19937 random(1);
  std::string marks = "e", letters;
  while (marks.size() < megabyte) vlmt::append_utf8(marks, static_cast<char32_t>(0x300 + random() % 0x4F));
  while (letters.size() < megabyte) letters += static_cast<char>('a' + random() % 26);
  // Token counts from the Hugging Face package.
  std::size_t letters_a = 0, spaces = 0;
  EXPECT_LT(seconds_for(repeated("a", megabyte), letters_a), seconds_allowed);
  EXPECT_EQ(letters_a, 125'000u);
  EXPECT_LT(seconds_for(repeated(" ", megabyte), spaces), seconds_allowed);
  EXPECT_EQ(spaces, 7'813u);
  const std::vector<std::pair<const char*, std::string>> texts{
      {"spaces and a word", repeated(" ", megabyte) + "x"},
      {"line feeds", repeated("\n", megabyte)},
      {"spaces and line feeds", repeated(" \n", megabyte)},
      {"one mark", repeated("\xCC\x81", megabyte)},
      {"marks in any order", marks},
      {"marks in falling order", "e" + repeated("\xCC\x81", megabyte / 2) + repeated("\xCC\xA3", megabyte / 2)},
      {"any letters", letters},
      {"digits", repeated("7", megabyte)},
      {"exclamation marks", repeated("!", megabyte)},
      {"apostrophes", repeated("'", megabyte)},
      {"beginnings of control tokens", repeated("<|im_", megabyte)},
      {"invalid UTF-8", std::string(megabyte, '\xFF')},
      {"Hangul jamo", repeated("\xE1\x84\x80\xE1\x85\xA1", megabyte)}};
  for (const auto& [name, text] : texts) {
    std::size_t tokens = 0;
    EXPECT_LT(seconds_for(text, tokens), seconds_allowed) << name;
    EXPECT_GT(tokens, 0u) << name;
  }
}

}  // namespace
