// Regular expressions, choices and rules, with masks compared bit by bit with all texts of small languages.
#include <random>
#include <regex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"

#include "text/grammar_oracle.hpp"

namespace {
namespace grammar_regex {

using vlmt::Grammar;
using vlmt::Matcher;
using vlmt::TokenGrammar;
using vlmt_test::accepts;
using vlmt_test::compare_masks;

std::string error_of(const std::string& expression) {
  try {
    Grammar::regex(expression);
  } catch (const vlmt::Error& e) {
    return e.what();
  }
  return {};
}

/// Compares with std::regex over all texts of up to 9 characters.
void compare(const std::string& expression, std::string_view alphabet, std::size_t length, std::size_t depth) {
  SCOPED_TRACE(expression);
  const std::regex oracle(expression);
  const auto language =
      vlmt_test::texts_of(alphabet, length, [&](const std::string& text) { return std::regex_match(text, oracle); });
  std::vector<std::string> tokens;
  for (const char a : alphabet) {
    for (const char b : alphabet) {
      tokens.push_back({a, b});
      tokens.push_back({a, b, a});
    }
  }
  compare_masks(Grammar::regex(expression), language, depth, tokens, alphabet);
}

TEST(GrammarRegex, MasksAreThoseOfAllTexts) {
  compare("a*b?", "ab", 9, 4);
  compare("(a|b)*abb", "ab", 10, 4);
  compare("(ab|a)(ba|b)", "ab", 8, 4);
  compare("a{2,4}b{0,2}", "ab", 9, 5);
  compare("(a{2}){1,2}", "ab", 9, 5);
  compare("(a*)*b", "ab", 9, 4);
  compare("(|a)(b|)", "ab", 8, 4);
  compare("[^a]+a", "abc", 8, 3);
  compare("a.c", "abc", 7, 3);
  compare("(?:a+?|b)c", "abc", 8, 3);
  compare("^a(b|c)$", "abc", 6, 3);
  compare("a{0}b{1,}", "ab", 9, 5);
  compare("((a|b)(a|b)){0,2}", "ab", 8, 4);
  compare("\\d\\w\\s|\\D\\W\\S", "a1 ", 6, 3);
  compare("[a-b]{3}|[\\d-]+c?", "ab1-", 7, 3);
}

TEST(GrammarRegex, CharactersOutsideOfAsciiAreWhole) {
  const Grammar any = Grammar::regex(".");
  for (const char* one : {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xEE\x80\x80"}) {
    EXPECT_TRUE(accepts(any, one)) << one;
  }
  for (const char* none :
       {"", "ab", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\n", "\r", "\xE2\x80\xA8"}) {
    EXPECT_FALSE(accepts(any, none));
  }
  EXPECT_TRUE(accepts(Grammar::regex("[\xC3\xA0-\xC3\xBF]+"), "\xC3\xA9\xC3\xA8"));
  EXPECT_FALSE(accepts(Grammar::regex("[^\xC3\xA9]"), "\xC3\xA9"));
  EXPECT_TRUE(accepts(Grammar::regex("[^\xC3\xA9]"), "\xC3\xA8"));
  EXPECT_TRUE(accepts(Grammar::regex("\\u20ac\\x41\\u{1F600}\\ud83d\\ude00"),
                      "\xE2\x82\xAC"
                      "A\xF0\x9F\x98\x80\xF0\x9F\x98\x80"));
  EXPECT_TRUE(accepts(Grammar::regex("\\t\\n\\.\\cA[\\b]\\0"), std::string("\t\n.\x01\b\0", 6)));
  EXPECT_TRUE(accepts(Grammar::regex("\\s"), "\xC2\xA0"));
  // All code points, in ranges that begin and end anywhere: compared with their encoding.
  const Grammar range = Grammar::regex("[\\u{7e}-\\u{10400}]");
  for (char32_t c :
       {0x7Du, 0x7Eu, 0x7FFu, 0x800u, 0xFFFu, 0x1000u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10400u, 0x10401u}) {
    std::string text;
    vlmt::append_utf8(text, c);
    EXPECT_EQ(accepts(range, text), c >= 0x7E && c <= 0x10400) << std::hex << static_cast<unsigned>(c);
  }
}

TEST(GrammarRegex, TokensThatEndInsideOfACharacterAreAllowed) {
  const auto vocabulary = vlmt_test::token_vocabulary({"x\xE2\x82", "\xAC\xE2", "\x82\xAC"});
  Matcher m(TokenGrammar(Grammar::regex("x\xE2\x82\xAC{2}"), vocabulary));
  ASSERT_TRUE(m.accept(256));
  EXPECT_FALSE(m.allows(258));
  ASSERT_TRUE(m.accept(257));
  EXPECT_FALSE(m.complete());
  ASSERT_TRUE(m.accept(258));
  EXPECT_TRUE(m.complete());
}

TEST(GrammarRegex, RefusesByName) {
  EXPECT_NE(error_of("(?=a)").find("lookahead"), std::string::npos);
  EXPECT_NE(error_of("(?<!a)").find("lookahead and lookbehind"), std::string::npos);
  EXPECT_NE(error_of("(a)\\1").find("back references"), std::string::npos);
  EXPECT_NE(error_of("\\bx").find("word boundaries"), std::string::npos);
  EXPECT_NE(error_of("\\p{L}").find("Unicode properties"), std::string::npos);
  EXPECT_NE(error_of("(?i)a").find("flags"), std::string::npos);
  EXPECT_NE(error_of("a)").find("offset 1"), std::string::npos);
  for (const char* bad : {"(a", "[a", "a**", "*a", "[b-a]", "a{2,1}", "a\\", "\\u12", "\\q", "a{1", "^*", "[a-\\d]",
                          "(?<n", "\xFF", "\\ud800"}) {
    EXPECT_NE(error_of(bad).find("regular expression"), std::string::npos) << bad;
  }
  EXPECT_NE(error_of("a^b").find("no text satisfies"), std::string::npos);
}

TEST(GrammarRegex, CostIsBounded) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += '(';
  EXPECT_NE(error_of(deep).find("nest too deeply"), std::string::npos);
  for (const char* large : {"(a|b)*a(a|b){40}", "((a{1000}){1000}){1000}", ".{4096}{2}", "a{99999999999}",
                            "(((a?){100}){100}){100}", "(.*a){300}.{300}b", "([a-z]*[0-9]*){200}x.*y.{400}"}) {
    EXPECT_NE(error_of(large), "") << large;
  }
  EXPECT_EQ(error_of("(a*)*(a*)*(a|aa)+$"), "");
}

TEST(GrammarChoice, IsOneOfItsTexts) {
  const std::vector<std::string> texts{"yes", "no", "yellow", "y", "n\xC3\xA9"};
  const Grammar g = Grammar::choice(texts);
  compare_masks(g, {texts.begin(), texts.end()}, 6, {"ye", "yel", "no", "es", "llow", "yy", "n\xC3"});
  EXPECT_THROW(Grammar::choice(std::vector<std::string>{}), vlmt::InputError);
  EXPECT_THROW(Grammar::choice(std::vector<std::string>{"\xFF"}), vlmt::InputError);
  EXPECT_THROW(Grammar::choice(std::vector<std::string>(2, std::string(600000, 'a'))), vlmt::LimitError);
  EXPECT_TRUE(accepts(Grammar::choice(std::vector<std::string>{""}), ""));
}

/// Balanced brackets, by counting.
bool balanced(const std::string& text) {
  int open = 0;
  for (const char c : text) {
    if (c == '(') ++open;
    if (c == ')' && --open < 0) return false;
  }
  return open == 0;
}

TEST(GrammarRules, RecursiveRules) {
  const auto language = vlmt_test::texts_of("()a", 9, balanced);
  const std::vector<std::string> tokens{"()", "((", "))", ")(", "a(", "(a)", ")a"};
  compare_masks(Grammar::rules("root ::= (\"(\" root \")\" | \"a\")*"), language, 2, tokens);
  compare_masks(Grammar::rules("root ::= part root | \"\"\npart ::= \"(\" root \")\" | \"a\""), language, 2, tokens);
  // The same, ambiguous in two ways.
  compare_masks(Grammar::rules("root ::= part* part*\npart ::= \"(\" root \")\" | \"a\" | other\nother ::= \"a\""),
                language, 2, tokens);
}

TEST(GrammarRules, CentreEmbeddedAndOverlapping) {
  // a^n b^n or a^n b^2n, n at least 1: no automaton without a stack, and no deterministic one with it.
  const auto language = vlmt_test::texts_of("ab", 12, [](const std::string& text) {
    const std::size_t n = text.find('b') == std::string::npos ? 0 : text.find('b');
    const std::size_t bs = text.size() - n;
    return n > 0 && text.find('a', n) == std::string::npos && (bs == n || bs == 2 * n);
  });
  const Grammar g = Grammar::rules(
      "root ::= one | two\n"
      "one ::= \"a\" one? \"b\"\n"
      "two ::= \"a\" two? \"bb\"\n");
  // Beginnings with more than four a have no text among those of twelve characters.
  compare_masks(g, language, 2, {"aa", "ab", "bb", "aab"});
  EXPECT_TRUE(accepts(g, "aaaaabbbbb"));
  EXPECT_TRUE(accepts(g, "aaaaabbbbbbbbbb"));
  EXPECT_FALSE(accepts(g, "aaaaabbbbbbb"));
}

TEST(GrammarRules, Syntax) {
  const Grammar g = Grammar::rules(
      "# numbers\n"
      "root ::= \"<\" digits{1,2} (\",\" digits)* \">\" | \"\\\"\\n\\u0041\" .\n"
      "digits ::= [0-9]+   # one or more\n"
      "unused ::= unused2\nunused2 ::= \"x\" unused\n");
  EXPECT_TRUE(accepts(g, "<1>"));
  EXPECT_TRUE(accepts(g, "<12,3,4>"));
  EXPECT_FALSE(accepts(g, "<,3>"));
  EXPECT_TRUE(accepts(g, "\"\nA\xE2\x82\xAC"));
  const auto error = [](const char* text) -> std::string {
    try {
      Grammar::rules(text);
    } catch (const vlmt::Error& e) {
      return e.what();
    }
    return {};
  };
  EXPECT_NE(error("root ::= root \"a\" | \"b\"").find("left recursion"), std::string::npos);
  EXPECT_NE(error("root ::= \"\"? other \"a\" | \"b\"\nother ::= root").find("left recursion"), std::string::npos);
  EXPECT_NE(error("root ::= \"a\" root").find("no text satisfies"), std::string::npos);
  EXPECT_NE(error("root ::= missing").find("no such rule: missing"), std::string::npos);
  EXPECT_NE(error("a ::= \"b\"").find("`root`"), std::string::npos);
  EXPECT_NE(error("root ::= \"a\"\nroot ::= \"b\"").find("defined twice"), std::string::npos);
  for (const char* bad : {"", "root", "root ::= (", "root ::= \"a", "root ::= )", "root ::= [a", "root ::= \"a\"{2,1}",
                          "root ::= \"\\d\"", "root ::= ?", "\xFF"}) {
    EXPECT_NE(error(bad), "") << bad;
  }
  std::string deep = "root ::= ";
  for (int i = 0; i < 100000; ++i) deep += '(';
  EXPECT_NE(error(deep.c_str()).find("nest too deeply"), std::string::npos);
  EXPECT_NE(error("root ::= (((\"a\"{1000}){1000}){1000}){1000}").find("too large"), std::string::npos);
  std::string many = "root ::= \"a\"\n";
  for (int i = 0; i < 5000; ++i) many += "r" + std::to_string(i) + " ::= \"a\"\n";
  EXPECT_NE(error(many.c_str()).find("rules"), std::string::npos);
}

TEST(GrammarRules, RepetitionsCountEachItem) {
  for (const auto& [form, expression] :
       std::vector<std::pair<std::string, std::string>>{{"\"a\"{2,3} \"b\"{0} \"a\"?", "a{2,3}a?"},
                                                        {"(\"a\" | \"b\"){2,} \"a\"{1}", "(a|b){2,}a"},
                                                        {"(\"a\"{0,1} \"b\"){1,2}", "(a?b){1,2}"},
                                                        {"(\"a\"+ \"b\"*)*", "(a+b*)*"}}) {
    SCOPED_TRACE(form);
    const std::regex oracle(expression);
    const auto language =
        vlmt_test::texts_of("ab", 9, [&](const std::string& text) { return std::regex_match(text, oracle); });
    compare_masks(Grammar::rules("root ::= " + form), language, 4, {"aa", "ab", "bab"});
  }
}

TEST(GrammarMatcher, ForkRollbackAndEnd) {
  const auto vocabulary = vlmt_test::token_vocabulary({"ab", "abc"});
  const int end = 258;
  const TokenGrammar g(Grammar::regex("(abc)+"), vocabulary);
  Matcher m(g);
  EXPECT_FALSE(m.accept(end));
  EXPECT_FALSE(m.accept('b'));
  EXPECT_FALSE(m.accept(-1));
  EXPECT_FALSE(m.accept(100000));
  ASSERT_TRUE(m.accept(257));
  EXPECT_TRUE(m.complete());
  const auto mask = vlmt_test::mask_of(m);
  Matcher fork = m;
  ASSERT_TRUE(fork.accept(256));
  ASSERT_TRUE(fork.accept('c'));
  ASSERT_TRUE(fork.accept(end));
  EXPECT_TRUE(fork.ended());
  EXPECT_TRUE(fork.complete());
  EXPECT_FALSE(fork.accept(end));
  EXPECT_FALSE(fork.accept_text("abc"));
  EXPECT_EQ(vlmt_test::mask_of(fork), std::vector<std::uint32_t>(fork.mask_words(), 0));
  EXPECT_EQ(m.size(), 1u);
  fork.rollback(1);
  EXPECT_FALSE(fork.ended());
  fork.rollback(2);
  EXPECT_EQ(vlmt_test::mask_of(fork), mask);
  EXPECT_EQ(vlmt_test::mask_of(m), mask);
  std::vector<std::uint32_t> longer(m.mask_words() + 3, 0xFFFFFFFF);
  m.fill_mask(longer);
  EXPECT_EQ(longer.back(), 0u);
}

TEST(GrammarMatcher, ForcedText) {
  const auto vocabulary = vlmt_test::token_vocabulary({"he", "llo", "hello w", "ld"});
  Matcher m(TokenGrammar(Grammar::regex("hello (world|work)!?"), vocabulary));
  EXPECT_EQ(m.forced_text(), "hello wor");
  EXPECT_EQ(m.forced_text(3), "hel");
  EXPECT_EQ(m.forced_tokens(), (std::vector<int>{258, 'o', 'r'}));
  ASSERT_TRUE(m.accept_text("hello wor"));
  EXPECT_EQ(m.forced_text(), "");
  ASSERT_TRUE(m.accept('l'));
  EXPECT_EQ(m.forced_text(), "d");
  ASSERT_TRUE(m.accept('d'));
  EXPECT_EQ(m.forced_text(), "");
  EXPECT_EQ(m.forced_tokens(), std::vector<int>{});
  // "h" is the begin of longer tokens, so the model decides.
  Matcher partial(TokenGrammar(Grammar::regex("xh(e|a)"), vocabulary));
  EXPECT_EQ(partial.forced_tokens(), (std::vector<int>{'x'}));
}

TEST(GrammarMatcher, ControlTokensAreNeverText) {
  std::vector<vlmt::TokenVocabulary::Token> tokens;
  for (int b = 0; b < 256; ++b) tokens.push_back({std::string(1, static_cast<char>(b))});
  tokens.push_back({"<|im_end|>", vlmt::TokenUse::never});
  tokens.push_back({"<call>", vlmt::TokenUse::literal});
  const auto vocabulary = std::make_shared<const vlmt::TokenVocabulary>(std::move(tokens), std::vector<int>{256}, 300);
  EXPECT_EQ(vocabulary->mask_words(), 10u);
  Matcher m(TokenGrammar(Grammar::regex("<call>.*"), vocabulary));
  EXPECT_FALSE(m.allows(256));
  EXPECT_TRUE(vlmt_test::mask_bit(vlmt_test::mask_of(m), 257));
  ASSERT_TRUE(m.accept(257));
  EXPECT_TRUE(m.allows(256));
  EXPECT_FALSE(vlmt_test::mask_bit(vlmt_test::mask_of(m), 299));
}

TEST(GrammarMatcher, VocabularyMustSpellTheGrammar) {
  std::vector<vlmt::TokenVocabulary::Token> tokens{{"a"}, {"ab"}, {"</s>", vlmt::TokenUse::never}};
  const auto vocabulary = std::make_shared<const vlmt::TokenVocabulary>(tokens, std::vector<int>{2});
  EXPECT_NO_THROW(TokenGrammar(Grammar::regex("a+"), vocabulary));
  EXPECT_THROW(TokenGrammar(Grammar::regex("(ab)+"), vocabulary), vlmt::InputError);
  EXPECT_THROW(vlmt::TokenVocabulary(tokens, {3}), vlmt::InputError);
  tokens.push_back({std::string(70000, 'a')});
  EXPECT_THROW(vlmt::TokenVocabulary(tokens, {}), vlmt::LimitError);
}

TEST(GrammarMatcher, AmbiguityIsBounded) {
  // Each a opens another way to read the text; the stacks of the ways are shared.
  const auto vocabulary = vlmt_test::token_vocabulary({"aaaa"});
  Matcher m(TokenGrammar(
      Grammar::rules("root ::= \"a\" root one | \"a\" root two | \"b\"\none ::= \"c\"\ntwo ::= \"c\" \"c\"?"),
      vocabulary));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(m.accept(256)) << i;
  ASSERT_TRUE(m.accept('b'));
  vlmt::GrammarLimits limits;
  limits.configurations = 3;
  const TokenGrammar small(Grammar::rules("root ::= a \"1\" | b \"2\" | c \"3\" | d \"4\"\n"
                                          "a ::= \"x\" a?\nb ::= \"x\" b?\nc ::= \"x\" c?\nd ::= \"x\" d?",
                                          limits),
                           vocabulary);
  EXPECT_THROW(Matcher{small}, vlmt::LimitError);
  // Each token of a counted string has a state of its own.
  limits = {};
  limits.matcher_bytes = 4096;
  Matcher long_text(TokenGrammar(Grammar::json_schema("{\"type\":\"string\"}", {}, limits), vocabulary));
  ASSERT_TRUE(long_text.accept_text("\""));
  EXPECT_THROW(
      {
        for (int i = 0; i < 5000; ++i) long_text.accept('a');
      },
      vlmt::LimitError);
  // A text that can be cut into parts in very many ways is refused in bounded time.
  const TokenGrammar cuts(Grammar::rules("root ::= a a a a a a a a\na ::= [ab]*"),
                          vlmt_test::token_vocabulary({std::string(60, 'a'), std::string(59, 'a') + "c"}));
  Matcher m2(cuts);
  EXPECT_THROW(vlmt_test::mask_of(m2), vlmt::LimitError);
}

TEST(GrammarMatcher, ManyThreadsShareAGrammar) {
  const TokenGrammar g(Grammar::regex("(ab|cd){5}"), vlmt_test::token_vocabulary({"abab", "cda"}));
  std::vector<std::thread> threads;
  std::vector<std::string> texts(8);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(static_cast<unsigned>(i));
      for (int n = 0; n < 20; ++n) texts[i] = vlmt_test::random_text(g, random);
    });
  }
  for (std::thread& t : threads) t.join();
  for (const std::string& text : texts) EXPECT_TRUE(std::regex_match(text, std::regex("(ab|cd){5}"))) << text;
}

}  // namespace grammar_regex
}  // namespace
