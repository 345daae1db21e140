// Thoughts and answers taken apart, however an output is cut.
#include "vlmt/text/reasoning.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using vlmt::ReasoningSplitter;
using vlmt::SplitOutput;

// Feeds the pieces; "reasoning|answer".
std::string split_pieces(const std::vector<std::string_view>& pieces, bool inside) {
  ReasoningSplitter splitter(inside);
  SplitOutput all;
  const auto add = [&](const SplitOutput& s) {
    // Thoughts never follow an answer.
    EXPECT_TRUE(s.reasoning.empty() || all.answer.empty());
    all.reasoning += s.reasoning;
    all.answer += s.answer;
  };
  for (const std::string_view piece : pieces) add(splitter.push(piece));
  add(splitter.finish());
  return all.reasoning + "|" + all.answer;
}

struct OutputCase {
  bool inside;
  std::string_view output, expected;
};

constexpr OutputCase output_cases[] = {
    {false, "", "|"},
    {false, "plain", "|plain"},
    {false, "\n plain\n", "|\n plain\n"},
    {false, "<think>\nhm\n</think>\n\nyes", "hm|yes"},
    {false, "<think>\n\n</think>\n\nyes", "|yes"},
    {false, "<think></think>yes", "|yes"},
    {false, " \n<think>a\n\nb\n\n</think> yes \n", "a\n\nb|yes \n"},
    {false, "<think>never ends\n", "never ends|"},
    {false, "<think>cut </thin", "cut </thin|"},
    {false, "<think", "|<think"},
    {false, "<thinking>x</thinking>", "|<thinking>x</thinking>"},
    {false, "a <think>b</think> c", "|a <think>b</think> c"},
    {false, "no opening</think> yes", "|no opening</think> yes"},
    {false, "<think>a</think>b</think>c<think>d", "a|b</think>c<think>d"},
    {false, "<think>a<think>b</think>c", "a<think>b|c"},
    {true, "", "|"},
    {true, "hm\n</think>\n\nyes", "hm|yes"},
    {true, "5 shapes: a white ring</think> changed.", "5 shapes: a white ring|changed."},
    {true, "</think>yes", "|yes"},
    {true, "\n</think>\n\n", "|"},
    {true, "\n\nhm </ think> </thin </think>\nyes", "hm </ think> </thin |yes"},
    {true, "<think>\nhm\n</think>\nyes", "hm|yes"},
    {true, "no end\n\n", "no end|"},
    {true, "<<</think></</think>", "<<|</</think>"},
    {true, "gr\xC3\xBC\xC3\x9F\n\n\n</think>\n\xE4\xBD\xA0", "gr\xC3\xBC\xC3\x9F|\xE4\xBD\xA0"},
};

TEST(Reasoning, AllCutsGiveTheSame) {
  for (const OutputCase& c : output_cases) {
    const std::string_view s = c.output;
    EXPECT_EQ(split_pieces({s}, c.inside), c.expected) << s;
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < s.size(); ++i) bytes.push_back(s.substr(i, 1));
    EXPECT_EQ(split_pieces(bytes, c.inside), c.expected) << s << ", byte by byte";
    for (std::size_t i = 0; i <= s.size(); ++i) {
      for (std::size_t j = i; j <= s.size(); ++j) {
        EXPECT_EQ(split_pieces({s.substr(0, i), s.substr(i, j - i), s.substr(j)}, c.inside), c.expected)
            << s << ", cut at " << i << " and " << j;
      }
    }
  }
}

TEST(Reasoning, NothingIsHeldBackLongerThanNeeded) {
  ReasoningSplitter s(true);
  EXPECT_EQ(s.push("I think").reasoning, "I think");
  EXPECT_TRUE(s.thinking());
  EXPECT_EQ(s.push(" so\n").reasoning, " so");
  EXPECT_EQ(s.push("and </").reasoning, "\nand ");
  EXPECT_EQ(s.push("b>").reasoning, "</b>");
  EXPECT_EQ(s.push("</think>").reasoning, "");
  EXPECT_FALSE(s.thinking());
  EXPECT_EQ(s.push("\n\nYes").answer, "Yes");
  EXPECT_EQ(s.push("\n").answer, "\n");
  ReasoningSplitter plain;
  EXPECT_EQ(plain.push("<").answer, "");
  EXPECT_EQ(plain.push("b").answer, "<b");
  EXPECT_EQ(plain.push("\n").answer, "\n");
}

TEST(Reasoning, TurnsOfThePast) {
  const auto whole = [](std::string_view text) {
    const SplitOutput s = vlmt::split_reasoning(text);
    return s.reasoning + "|" + s.answer;
  };
  EXPECT_EQ(whole("just this"), "|just this");
  EXPECT_EQ(whole("<think>\nhm\n</think>\n\nyes"), "hm|yes");
  EXPECT_EQ(whole("hm\n</think>\n\nyes\n"), "hm|yes\n");
  EXPECT_EQ(whole("x<think>a<think>b</think>c</think>\nd"), "b|d");
  EXPECT_EQ(whole("</think>"), "|");
  EXPECT_EQ(whole("<think>only"), "|<think>only");
}

TEST(Reasoning, PromptsThatOpenThoughts) {
  EXPECT_TRUE(vlmt::opens_thoughts("<|im_start|>assistant\n<think>\n"));
  EXPECT_TRUE(vlmt::opens_thoughts("<think>"));
  EXPECT_FALSE(vlmt::opens_thoughts("<think>\n\n</think>\n\n"));
  EXPECT_FALSE(vlmt::opens_thoughts("<|im_start|>assistant\n"));
  EXPECT_FALSE(vlmt::opens_thoughts(""));
}

}  // namespace
