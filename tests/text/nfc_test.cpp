#include "vlmt/text/nfc.hpp"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <utf8proc.h>

#include <gtest/gtest.h>

#include "vlmt/text/utf8.hpp"

namespace {

std::string utf8(const std::vector<char32_t>& codes) {
  std::string text;
  for (const char32_t c : codes) vlmt::append_utf8(text, c);
  return text;
}

TEST(Nfc, KnownForms) {
  const std::vector<std::pair<std::vector<char32_t>, std::vector<char32_t>>> cases{
      {{'e', 0x301}, {0xE9}},
      {{0x212B}, {0xC5}},
      {{'q', 0x307, 0x323}, {'q', 0x323, 0x307}},
      {{0x1E0B, 0x323}, {0x1E0D, 0x307}},
      {{'a', 0x334, 0x301}, {0xE1, 0x334}},
      {{'a', 0x301, 0x300}, {0xE1, 0x300}},
      {{0x301, 'a'}, {0x301, 'a'}},
      {{0x344}, {0x308, 0x301}},  // excluded from composition
      {{0x958}, {0x915, 0x93C}},  // excluded from composition
      {{0x2ADC}, {0x2ADD, 0x338}},
      {{0x1D160}, {0x1D158, 0x1D165, 0x1D16E}},
      {{0xF900}, {0x8C48}},
      {{0x1100, 0x1161, 0x11A8}, {0xAC01}},
      {{0xAC00, 0x11A8}, {0xAC01}},
      {{0xAC01, 0x11A8}, {0xAC01, 0x11A8}},
      {{0xAC00, 0x11A7}, {0xAC00, 0x11A7}},  // U+11A7 is not a trailing consonant and must stay
      {{0x1100, 0x1161, 0x11A7, 0x11A8}, {0xAC00, 0x11A7, 0x11A8}},
      {{0x1100, 0x300, 0x1161}, {0x1100, 0x300, 0x1161}},
      {{0x9C7, 0x9BE}, {0x9CB}},  // a vowel sign of class 0 composes with the preceding character
      {{0x9C7, 0x300, 0x9BE}, {0x9C7, 0x300, 0x9BE}},
      {{0x11347, 0x1133E}, {0x1134B}},
      {{0xFB01, 0xFF21}, {0xFB01, 0xFF21}},  // compatibility characters stay
      // Unassigned in Unicode 9.0, as used by Hugging Face tokenizers: not reordered, composed or decomposed.
      {{'a', 0x8D3, 0x301}, {'a', 0x8D3, 0x301}},
      {{'a', 0x1DFA, 0x334}, {'a', 0x1DFA, 0x334}},
      {{0x11935, 0x11930}, {0x11935, 0x11930}},
      {{0x11938}, {0x11938}},
      {{0x105D2, 0x307}, {0x105D2, 0x307}},
  };
  for (const auto& [from, to] : cases) {
    EXPECT_EQ(vlmt::nfc(utf8(from)), utf8(to)) << testing::PrintToString(from);
    EXPECT_EQ(vlmt::nfc("x " + utf8(from) + " y"), "x " + utf8(to) + " y") << testing::PrintToString(from);
  }
}

TEST(Nfc, NormalisedTextStaysUnchanged) {
  for (const std::string text : {"", "plain ASCII\n", "déjà vu", "Привет", "你好，世界", "한국어", "😀"}) {
    EXPECT_EQ(vlmt::nfc(text), text);
  }
}

// For characters that Unicode 9.0 and utf8proc both know, the result equals utf8proc's and is idempotent.
TEST(Nfc, AgreesWithUtf8procOnRandomText) {
  const std::vector<std::pair<char32_t, char32_t>> ranges{
      {'a', 'z'},       {0xC0, 0x24F},    {0x300, 0x345},     {0x1E00, 0x1FFB},  {0x5B0, 0x5BC},   {0x900, 0x963},
      {0x9BE, 0x9D7},   {0xF71, 0xF84},   {0x1100, 0x11A6},   {0x11A8, 0x11FF},  {0xAC00, 0xD7A3}, {0x3041, 0x309A},
      {0xF900, 0xFA6D}, {0x20D0, 0x20DC}, {0x1D15E, 0x1D172}, {0x2F800, 0x2FA1D}};
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::size_t length = 1 + random() % 12;
    for (std::size_t i = 0; i < length; ++i) {
      const auto& [first, last] = ranges[random() % ranges.size()];
      vlmt::append_utf8(text, first + static_cast<char32_t>(random() % (last - first + 1)));
    }
    const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> expected(
        utf8proc_NFC(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str())), std::free);
    const std::string composed = vlmt::nfc(text);
    ASSERT_EQ(composed, reinterpret_cast<const char*>(expected.get()));
    ASSERT_EQ(vlmt::nfc(composed), composed);
  }
}

// Classes are sorted and marks of one class keep their order, in runs of any length.
TEST(Nfc, OrdersLongRunsOfMarks) {
  std::string text = "b";
  for (int i = 0; i < 200'000; ++i) text += utf8({0x301, 0x323, 0x300, 0x316});
  std::string expected = "b";
  for (int i = 0; i < 200'000; ++i) expected += utf8({0x323, 0x316});
  for (int i = 0; i < 200'000; ++i) expected += utf8({0x301, 0x300});
  // b composes with U+0323, the first mark, to U+1E05.
  EXPECT_EQ(vlmt::nfc(text), utf8({0x1E05}) + expected.substr(3));
}

}  // namespace
