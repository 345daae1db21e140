// JSON Schemas, keyword by keyword, and masks compared bit by bit with all texts of small schemas.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"

#include "text/grammar_oracle.hpp"

namespace {
namespace grammar_schema {

using vlmt::Grammar;
using vlmt::GrammarLimits;
using vlmt::JsonSpace;
using vlmt::Matcher;
using vlmt::PropertyOrder;
using vlmt::SchemaOptions;
using vlmt::TokenGrammar;
using vlmt_test::accepts;

constexpr SchemaOptions compact{.space = JsonSpace::compact};
constexpr SchemaOptions any_order{.space = JsonSpace::compact, .order = PropertyOrder::any};

std::string error_of(std::string_view schema, const SchemaOptions& options = compact) {
  try {
    Grammar::json_schema(schema, options);
  } catch (const vlmt::Error& e) {
    return e.what();
  }
  return {};
}

struct Case {
  std::string schema;
  std::vector<std::string> valid, invalid;
};

void check(const std::vector<Case>& cases, const SchemaOptions& options = compact) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.schema);
    const Grammar g = Grammar::json_schema(c.schema, options);
    for (const std::string& text : c.valid) EXPECT_TRUE(accepts(g, text)) << text;
    for (const std::string& text : c.invalid) EXPECT_FALSE(accepts(g, text)) << text;
  }
}

TEST(GrammarSchema, Types) {
  check({
      {"true",
       {"null", "true", "-1.5e3", "\"\"", "[]", "{}", R"([{"a":[1,"b",null]}])"},
       {"", "nul", "[1,]", "{a:1}", "01"}},
      {"{}", {"1"}, {"1 "}},
      {R"({"type":"null"})", {"null"}, {"true", "0"}},
      {R"({"type":"boolean"})", {"true", "false"}, {"null"}},
      {R"({"type":"integer"})", {"0", "-1", "1234567890"}, {"-0", "1.0", "1e2", "01", "+1", "--1"}},
      {R"({"type":"number"})", {"0", "-0.5", "1e5", "2.5E-3", "10"}, {".5", "1.", "1e", "-", "00", "1e123", "NaN"}},
      {R"({"type":["string","null"]})", {"null", "\"x\""}, {"1"}},
      {R"({"type":"array"})", {"[]", "[1,[]]"}, {"{}", "[,]"}},
      {R"({"type":"object"})", {"{}", R"({"a":{},"b":[]})"}, {"[]", R"({"a"})", R"({a:1})", R"({"a":1,})"}},
  });
}

TEST(GrammarSchema, Strings) {
  check({
      {R"({"type":"string"})",
       {R"("")", R"("a\n\"\\\/\u00e9\ud83d\ude00")", "\"\xC3\xA9\x7F\""},
       {"\"a\nb\"", R"("\x")", R"("\ud83d")", R"("\ude00")", R"("\u12")", "\"\xC3\"", "\"a"}},
      {R"({"type":"string","minLength":2,"maxLength":3})",
       {R"("ab")", R"("abc")", "\"\xC3\xA9\xF0\x9F\x98\x80\"", R"("\ud83d\ude00\n")"},
       {R"("a")", R"("abcd")", R"("\ud83d\ude00")", R"("\n\n\n\n")"}},
      {R"({"type":"string","maxLength":0})", {R"("")"}, {R"("a")"}},
      {R"({"type":"string","pattern":"^a+$"})", {R"("a")", R"("aaa")"}, {R"("")", R"("b")", R"("ab")"}},
      {R"({"type":"string","pattern":"a"})", {R"("a")", R"("bab")", R"("\n\"a")"}, {R"("")", R"("b")"}},
      {R"({"type":"string","pattern":"^[\"\\n]$"})", {R"("\"")", R"("\n")"}, {"\"\"\"", R"("n")", R"("\u000a")"}},
      {R"({"type":"string","pattern":"^a*$","minLength":2,"maxLength":3})",
       {R"("aa")", R"("aaa")"},
       {R"("a")", R"("aaaa")"}},
      {R"({"type":"string","pattern":"^(ab)*$","maxLength":5})", {R"("abab")", R"("")"}, {R"("ababa")", R"("ababab")"}},
      {R"({"allOf":[{"type":"string","pattern":"a"},{"pattern":"b"}]})", {R"("ab")", R"("ba")"}, {R"("a")", R"("b")"}},
      {R"({"type":"string","format":"date"})",
       {R"("2024-02-29")", R"("2023-12-31")", R"("2000-02-29")"},
       {R"("2023-02-29")", R"("1900-02-29")", R"("2023-04-31")", R"("2023-1-1")", R"("2023-13-01")"}},
      {R"({"type":"string","format":"date-time"})",
       {R"("2024-02-29T23:59:59.5+02:00")"},
       {R"("2024-02-29 23:59:59Z")"}},
      {R"({"type":"string","format":"time"})", {R"("00:00:00Z")"}, {R"("24:00:00Z")", R"("00:00:00")"}},
      {R"({"type":"string","format":"ipv4"})", {R"("127.0.0.1")"}, {R"("256.0.0.1")", R"("1.2.3")", R"("01.2.3.4")"}},
      {R"({"type":"string","format":"ipv6"})",
       {R"("::1")", R"("1:2:3:4:5:6:7:8")", R"("1::8")", R"("::")", R"("1::")"},
       {R"("1:2")", R"("1::2::3")"}},
      {R"({"type":"string","format":"uuid"})", {R"("123e4567-e89b-12d3-a456-426614174000")"}, {R"("123e4567")"}},
      {R"({"type":"string","format":"email"})", {R"("a.b@example.com")"}, {R"("a")", R"("@b.c")"}},
      {R"({"type":"string","format":"hostname"})", {R"("a-b.example")"}, {R"("-a")", R"("a..b")"}},
      {R"({"type":"string","format":"uri"})",
       {R"("https://example.com/a?b=c#d")", R"("urn:x")"},
       {R"("/a")", R"("a b")"}},
      {R"({"type":"string","format":"duration"})",
       {R"("P1DT2H")", R"("PT5M")", R"("P3W")"},
       {R"("P")", R"("1D")", R"("PT")"}},
  });
  EXPECT_TRUE(
      accepts(Grammar::json_schema(R"({"format":"date"})", {.space = JsonSpace::compact, .formats = false}), "\"x\""));
  EXPECT_NE(error_of(R"({"properties":{"a":{"type":"string","format":"postcode"}}})").find("#/properties/a/format"),
            std::string::npos);
}

TEST(GrammarSchema, LongStringsAreCounted) {
  const Grammar g = Grammar::json_schema(R"({"type":"string","minLength":3,"maxLength":1000})", compact);
  EXPECT_LT(g.automaton()->states(), 100u);
  EXPECT_FALSE(accepts(g, "\"aa\""));
  EXPECT_TRUE(accepts(g, "\"" + std::string(1000, 'a') + "\""));
  EXPECT_FALSE(accepts(g, "\"" + std::string(1001, 'a') + "\""));
  const Grammar open = Grammar::json_schema(R"({"type":"string"})", {.string_length = 5});
  EXPECT_TRUE(accepts(open, "\"abcde\""));
  EXPECT_FALSE(accepts(open, "\"abcdef\""));
  EXPECT_NE(error_of(R"({"type":"string","minLength":100000})").find("minLength"), std::string::npos);
}

TEST(GrammarSchema, Numbers) {
  check({
      {R"({"type":"integer","minimum":-12,"maximum":105})",
       {"-12", "-9", "0", "99", "105"},
       {"-13", "106", "-0", "1000"}},
      {R"({"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10})", {"1", "9"}, {"0", "10"}},
      {R"({"type":"integer","minimum":1.5,"maximum":3.5})", {"2", "3"}, {"1", "4"}},
      {R"({"type":"number","minimum":0.25,"exclusiveMaximum":1})",
       {"0.25", "0.3", "0.999"},
       {"0.24", "1", "1.0", "0", "0.2"}},
      {R"({"type":"number","minimum":-1.5,"maximum":-0.5})",
       {"-1.5", "-1", "-0.5", "-1.499", "-0.50"},
       {"-1.51", "-0.49", "0", "1"}},
      {R"({"type":"number","exclusiveMaximum":-0.5})", {"-0.51", "-7"}, {"-0.5", "-0.50", "0"}},
      {R"({"minimum":5})", {"5", "6.5", "\"x\"", "null"}, {"4", "4.99"}},
      {R"({"type":"integer","multipleOf":7,"maximum":30,"minimum":-30})", {"0", "7", "-14", "28"}, {"1", "-13", "35"}},
      {R"({"type":"number","multipleOf":0.05})",
       {"0.05", "1.1", "3", "-2.15", "0.50", "0.500"},
       {"0.01", "1.11", "0.051"}},
      {R"({"allOf":[{"type":"integer","multipleOf":4},{"multipleOf":6}]})", {"12", "24", "0"}, {"4", "6", "18"}},
      {R"({"type":"number","maximum":1e30})", {"123"}, {}},
      {R"({"type":"number","not":{"type":"integer"}})", {"0.5", "-1.25"}, {"1", "1.0", "\"a\""}},
  });
  for (const char* impossible : {R"({"type":"integer","minimum":3,"maximum":2})",
                                 R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4})",
                                 R"({"type":"integer","minimum":1,"maximum":6,"multipleOf":7})"}) {
    EXPECT_NE(error_of(impossible).find("no text satisfies"), std::string::npos) << impossible;
  }
  // All integers of small ranges, against arithmetic.
  std::mt19937 random(3);
  for (int n = 0; n < 60; ++n) {
    const int low = static_cast<int>(random() % 260) - 130, high = low + static_cast<int>(random() % 150);
    const int step = 1 + static_cast<int>(random() % 9);
    const Grammar g = Grammar::json_schema("{\"type\":\"integer\",\"minimum\":" + std::to_string(low) +
                                               ",\"maximum\":" + std::to_string(high) +
                                               ",\"multipleOf\":" + std::to_string(step) + "}",
                                           compact);
    for (int v = -200; v <= 300; ++v) {
      EXPECT_EQ(accepts(g, std::to_string(v)), v >= low && v <= high && v % step == 0)
          << v << " in " << low << ".." << high << " of " << step;
    }
  }
}

TEST(GrammarSchema, DecimalsAgainstArithmetic) {
  std::mt19937 random(4);
  const auto cents = [](int v) {
    const int m = v < 0 ? -v : v;
    return std::string(v < 0 ? "-" : "") + std::to_string(m / 100) + "." + std::to_string(m / 10 % 10) +
           std::to_string(m % 10);
  };
  for (int n = 0; n < 40; ++n) {
    const int low = static_cast<int>(random() % 500) - 250, high = low + static_cast<int>(random() % 300);
    const bool above = random() % 2 != 0, below = random() % 2 != 0;
    if (low >= high) continue;
    const Grammar g = Grammar::json_schema(std::string("{\"type\":\"number\",\"") +
                                               (above ? "exclusiveMinimum" : "minimum") + "\":" + cents(low) + ",\"" +
                                               (below ? "exclusiveMaximum" : "maximum") + "\":" + cents(high) + "}",
                                           compact);
    for (int v = -300; v <= 600; ++v) {
      const bool inside = (above ? v > low : v >= low) && (below ? v < high : v <= high);
      // Integers are written without a fraction.
      EXPECT_EQ(accepts(g, v % 100 == 0 ? std::to_string(v / 100) : cents(v)), inside)
          << v << " in " << low << ".." << high << above << below;
    }
  }
}

TEST(GrammarSchema, Arrays) {
  check({
      {R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
       {"[1]", "[1,2,3]"},
       {"[]", "[1,2,3,4]", "[\"a\"]", "[1,]"}},
      {R"({"type":"array","prefixItems":[{"const":1},{"const":2}],"items":{"const":3}})",
       {"[]", "[1]", "[1,2]", "[1,2,3,3]"},
       {"[2]", "[1,3]", "[1,2,2]"}},
      {R"({"type":"array","prefixItems":[{"const":1}],"items":false})", {"[]", "[1]"}, {"[1,2]"}},
      {R"({"type":"array","items":false})", {"[]"}, {"[1]"}},
      {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
      {R"({"type":"array","items":{"enum":[1,2]},"contains":{"const":2}})",
       {"[2]", "[1,2,1]", "[2,2]"},
       {"[]", "[1]", "[1,1]"}},
      {R"({"type":"array","items":{"enum":[1,2]},"contains":{"const":2},"minContains":2,"maxContains":3})",
       {"[2,2]", "[1,2,1,2,2]"},
       {"[2]", "[2,2,2,2]"}},
      {R"({"type":"array","contains":{"const":2},"minContains":0})", {"[]", "[1]"}, {"[1"}},
      {R"({"type":"array","items":{"type":"array","items":{"const":1}}})", {"[[],[1,1]]"}, {"[1]"}},
      {R"({"type":"array","uniqueItems":false})", {"[1,1]"}, {}},
      {R"({"type":"array","uniqueItems":true,"maxItems":1})", {"[1]"}, {"[1,1]"}},
  });
  EXPECT_NE(error_of(R"({"type":"array","uniqueItems":true})").find("uniqueItems"), std::string::npos);
}

TEST(GrammarSchema, Objects) {
  const std::string ab =
      R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"],"additionalProperties":false})";
  check({
      {ab,
       {R"({"b":2})", R"({"a":1,"b":2})", R"({"a":1,"b":2,"c":3})", R"({"b":2,"c":3})"},
       {"{}", R"({"a":1})", R"({"b":2,"a":1})", R"({"b":2,"b":2})", R"({"b":1})", R"({"b":2,"d":4})"}},
      {R"({"type":"object","properties":{"a":{"const":1}}})",
       {"{}", R"({"a":1})", R"({"a":1,"b":[]})", R"({"aa":0,"":0,"\"":1})"},
       {R"({"a":2})", R"({"b":1,"a":2})"}},
      {R"({"type":"object","additionalProperties":{"type":"null"}})", {"{}", R"({"x":null,"y":null})"}, {R"({"x":1})"}},
      {R"({"type":"object","required":["a"],"additionalProperties":{"const":7}})",
       {R"({"a":7})", R"({"a":7,"b":7})"},
       {"{}", R"({"b":7})", R"({"a":1})"}},
      {R"({"type":"object","propertyNames":{"pattern":"^[ab]$"},"additionalProperties":{"const":1}})",
       {"{}", R"({"a":1,"b":1})"},
       {R"({"c":1})", R"({"ab":1})"}},
      {R"({"type":"object","propertyNames":{"maxLength":2}})", {R"({"ab":1})"}, {R"({"abc":1})"}},
      {R"({"type":"object","propertyNames":{"enum":["x"]},"properties":{"y":{}}})",
       {"{}", R"({"x":1})"},
       {R"({"y":1})"}},
      {R"({"type":"object","patternProperties":{"^n":{"type":"integer"},"x$":{"const":1}},"additionalProperties":false})",
       {R"({"n":5})", R"({"nx":1,"x":1})"},
       {R"({"nx":2})", R"({"y":1})", R"({"n":"a"})"}},
      {R"({"type":"object","patternProperties":{"^n":{"type":"integer"}},"additionalProperties":{"type":"null"}})",
       {R"({"n":5,"m":null})"},
       {R"({"m":5})", R"({"n":null})"}},
      {R"({"type":"object","properties":{"a":{},"b":{}},"minProperties":1,"maxProperties":1,"additionalProperties":false})",
       {R"({"a":1})", R"({"b":1})"},
       {"{}", R"({"a":1,"b":1})"}},
      {R"({"type":"object","maxProperties":2})", {"{}", R"({"a":1,"b":2})"}, {R"({"a":1,"b":2,"c":3})"}},
      {R"({"type":"object","properties":{"a":{"const":1},"b":{"const":1}},"dependentRequired":{"a":["b"]},"additionalProperties":false})",
       {"{}", R"({"b":1})", R"({"a":1,"b":1})"},
       {R"({"a":1})"}},
      {R"({"type":"object","properties":{"a":false,"b":{"const":1}},"additionalProperties":false})",
       {"{}", R"({"b":1})"},
       {R"({"a":1})"}},
      {R"({"type":"object","properties":{"\"\n":{"const":1}},"required":["\"\n"],"additionalProperties":false})",
       {R"({"\"\n":1})"},
       {}},
  });
  check({{ab, {R"({"b":2,"a":1})", R"({"c":3,"b":2,"a":1})"}, {R"({"c":3})", R"({"b":2,"b":2})"}},
         {R"({"const":{"a":1,"b":[2]}})", {R"({"a":1,"b":[2]})", R"({"b":[2],"a":1})"}, {R"({"a":1})"}},
         {R"({"type":"object","properties":{"a":{"const":1}},"dependentRequired":{"a":["b"]}})",
          {R"({"b":0,"x":0,"a":1})"},
          {R"({"x":0,"a":1})"}}},
        any_order);
  check({{R"({"properties":{"a":{}}})", {R"({"a":1})", "{}", "3"}, {R"({"b":1})"}},
         {R"({"properties":{"a":{}},"additionalProperties":true})", {R"({"b":1})"}, {}},
         {R"({"type":"object"})", {R"({"b":1})"}, {}}},
        {.space = JsonSpace::compact, .closed_objects = true});
}

TEST(GrammarSchema, Combinations) {
  check({
      {R"({"enum":[1,"a",null,[1,{"b":2}],1.50]})",
       {"1", "\"a\"", "null", R"([1,{"b":2}])", "1.5"},
       {"2", "\"b\"", "[1]"}},
      {R"({"enum":[1,"a",2,"b"],"type":"string"})", {"\"a\"", "\"b\""}, {"1"}},
      {R"({"enum":[1,5,9],"minimum":4,"not":{"const":9}})", {"5"}, {"1", "9"}},
      {R"({"const":"x\ny"})", {R"("x\ny")"}, {"\"x\""}},
      {R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"5", "\"a\""}, {"\"ab\"", "null"}},
      {R"({"anyOf":[{"minimum":5},{"maximum":2}],"type":"integer"})", {"5", "2", "-7"}, {"3", "4"}},
      {R"({"allOf":[{"minimum":2},{"maximum":4}],"type":"integer"})", {"2", "4"}, {"1", "5"}},
      {R"({"oneOf":[{"type":"integer"},{"type":"string"}]})", {"1", "\"a\""}, {"null"}},
      {R"({"oneOf":[{"type":"integer","maximum":5},{"type":"integer","minimum":3}]})", {"2", "6"}, {"3", "5"}},
      {R"({"oneOf":[{"properties":{"k":{"const":"a"},"v":{"type":"integer"}},"required":["k","v"]},{"properties":{"k":{"const":"b"},"v":{"type":"null"}},"required":["k","v"]}],"type":"object"})",
       {R"({"k":"a","v":1})", R"({"k":"b","v":null})"},
       {R"({"k":"a","v":null})", R"({"k":"c","v":1})"}},
      {R"({"not":{"type":["object","array","string","number"]}})", {"null", "true"}, {"1", "\"\"", "[]", "{}"}},
      {R"({"type":"string","not":{"enum":["a","b"]}})", {"\"c\"", "\"\"", "\"ab\""}, {"\"a\"", "\"b\""}},
      {R"({"type":"integer","not":{"const":5}})", {"4", "6", "55"}, {"5"}},
      {R"({"type":"integer","not":{"minimum":2,"maximum":4}})", {"1", "5"}, {"2", "3", "4"}},
      {R"({"type":"object","not":{"required":["a"]}})", {"{}", R"({"b":1})"}, {R"({"a":1})"}},
      {R"({"type":"object","properties":{"k":{"enum":["n","s"]}},"required":["k"],"if":{"properties":{"k":{"const":"n"}}},"then":{"properties":{"v":{"type":"integer"}}},"else":{"properties":{"v":{"type":"string"}}},"additionalProperties":true})",
       {R"({"k":"n","v":1})", R"({"k":"s","v":"x"})"},
       {R"({"k":"n","v":"x"})", R"({"k":"s","v":1})"}},
      {R"({"type":"object","properties":{"a":{"const":1}},"dependentSchemas":{"a":{"required":["b"]}}})",
       {"{}", R"({"a":1,"b":2})"},
       {R"({"a":1})"}},
  });
}

TEST(GrammarSchema, References) {
  const std::string tree =
      R"({"$defs":{"n":{"type":"object","properties":{"v":{"const":1},"c":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["v"],"additionalProperties":false}},"$ref":"#/$defs/n"})";
  check({
      {tree, {R"({"v":1})", R"({"v":1,"c":[{"v":1,"c":[]},{"v":1}]})"}, {R"({"c":[]})", R"({"v":1,"c":[{}]})"}},
      {R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"}},
      {R"({"$anchor":"top","anyOf":[{"const":1},{"type":"array","items":{"$ref":"#top"}}]})",
       {"1", "[1,[1]]"},
       {"[2]"}},
      {R"({"$id":"http://x/y","$defs":{"a/b":{"const":1}},"anyOf":[{"$ref":"http://x/y#/$defs/a~1b"},{"$ref":"#/$defs/a%2Fb"}]})",
       {},
       {"2"}},
      {R"({"$defs":{"a":{"type":"integer"}},"$ref":"#/$defs/a","minimum":3})", {"3"}, {"2", "\"a\""}},
      {R"({"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"const":1}}})",
       {"1"},
       {"2"}},
  });
  std::string deep(200, '[');
  deep += std::string(200, ']');
  EXPECT_TRUE(accepts(Grammar::json_schema(R"({"type":"array","items":{"$ref":"#"}})", compact), deep));
  EXPECT_NE(error_of(R"({"$ref":"#/$defs/x"})").find("no such place"), std::string::npos);
  EXPECT_NE(error_of(R"({"$ref":"http://example.com/a.json"})").find("another document"), std::string::npos);
  // A value that contains itself without end.
  EXPECT_NE(error_of(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})").find("no text satisfies"),
            std::string::npos);
}

TEST(GrammarSchema, WhiteSpace) {
  const char* schema =
      R"({"type":"object","properties":{"a":{"type":"array","items":{"const":1}}},"additionalProperties":false})";
  const Grammar free = Grammar::json_schema(schema),
                spaced = Grammar::json_schema(schema, {.space = JsonSpace::spaced});
  EXPECT_TRUE(accepts(free, R"({"a":[1,1]})"));
  EXPECT_TRUE(accepts(free, "{\n  \"a\" :\t[\r\n 1 , 1 ]\n}"));
  EXPECT_TRUE(accepts(free, "{ }"));
  EXPECT_FALSE(accepts(free, " {}"));
  EXPECT_FALSE(accepts(free, "{} "));
  EXPECT_TRUE(accepts(free, "{" + std::string(40, ' ') + "}"));
  EXPECT_FALSE(accepts(free, "{" + std::string(41, ' ') + "}"));
  EXPECT_TRUE(accepts(spaced, R"({"a": [1, 1]})"));
  EXPECT_TRUE(accepts(spaced, "{}"));
  EXPECT_FALSE(accepts(spaced, R"({"a":[1, 1]})"));
  EXPECT_FALSE(accepts(spaced, R"({"a": [1,1]})"));
}

TEST(GrammarSchema, RefusesByKeywordAndPath) {
  for (const char* keyword : {"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "dependencies",
                              "additionalItems", "nullable", "notAKeyword"}) {
    const std::string error = error_of(std::string(R"({"properties":{"p":{"items":{")") + keyword + R"(":true}}}})");
    EXPECT_NE(error.find(std::string("`#/properties/p/items/") + keyword + "`"), std::string::npos) << error;
    EXPECT_NE(error.find("unsupported"), std::string::npos) << error;
  }
  EXPECT_EQ(
      error_of(
          R"({"title":"t","description":"d","default":1,"examples":[1],"$comment":"c","deprecated":true,"x-note":1})"),
      "");
  EXPECT_NE(error_of(R"({"$schema":"http://example.com/own"})").find("vocabulary"), std::string::npos);
  EXPECT_NE(error_of(R"({"properties":{"a":{"$id":"x"}}})").find("$id"), std::string::npos);
  for (const char* wrong : {R"({"type":"text"})",
                            R"({"type":5})",
                            R"({"minLength":-1})",
                            R"({"minLength":1.5})",
                            R"({"minimum":"a"})",
                            R"({"properties":[]})",
                            R"({"anyOf":[]})",
                            R"({"anyOf":[1]})",
                            R"({"required":[1]})",
                            R"({"multipleOf":0})",
                            R"({"enum":1})",
                            R"({"pattern":1})",
                            R"({"$ref":1})",
                            R"({"pattern":"("})",
                            "[]",
                            "1",
                            "",
                            "{",
                            R"({"a":1,"a":2})",
                            "{\"type\":\"\xFF\"}"}) {
    EXPECT_NE(error_of(wrong), "") << wrong;
  }
  EXPECT_NE(error_of("false").find("no text satisfies"), std::string::npos);
  EXPECT_NE(error_of(R"({"enum":[]})").find("no text satisfies"), std::string::npos);
}

/// All texts of a small schema, written down by the code of the test, against masks.
TEST(GrammarSchema, MasksAreThoseOfAllTexts) {
  const std::vector<std::string> tokens{"{\"",  "\":", "\",\"", "\"}", "\",",    "},",    "]}",  "[1",
                                        "1,",   ",1",  "10",    ":{",  "a\"",    "\"a\"", "\"b", "true}",
                                        "null", "ul",  "{}",    "[]",  "\"a\":", "-1"};
  std::set<std::string> objects;
  for (const char* a : {"", "\"a\":1", "\"a\":10", "\"a\":-1"}) {
    for (const char* b : {"\"b\":[]", "\"b\":[true]", "\"b\":[true,true]", "\"b\":[true,null]", "\"b\":[null]",
                          "\"b\":[null,true]", "\"b\":[null,null]"}) {
      for (const char* c : {"", "\"ba\":{}", "\"ba\":{\"a\":\"a\"}", "\"ba\":{\"a\":\"ab\"}"}) {
        std::string text = a;
        for (const std::string part : {b, c}) {
          if (!part.empty() && !text.empty()) text += ",";
          text += part;
        }
        objects.insert("{" + text + "}");
      }
    }
  }
  const char* schema =
      R"({"type":"object","properties":{"a":{"enum":[1,10,-1]},"b":{"type":"array","items":{"enum":[true,null]},"maxItems":2},
    "ba":{"type":"object","properties":{"a":{"anyOf":[{"const":"a"},{"const":"ab"}]}},"additionalProperties":false}},"required":["b"],"additionalProperties":false})";
  vlmt_test::compare_masks(Grammar::json_schema(schema, compact), objects, 100, tokens);

  // Strings over two characters with counts, by exclusion of all others.
  std::set<std::string> strings;
  for (const std::string& s : vlmt_test::texts_of("ab", 4, [](const std::string& t) { return t.size() >= 2; }))
    strings.insert("\"" + s + "\"");
  vlmt_test::compare_masks(
      Grammar::json_schema(R"({"type":"string","pattern":"^[ab]*$","minLength":2,"maxLength":4})", compact), strings,
      100, {"ab", "ba\"", "aab", "\"a", "\"ab", "b\"", "bb", "abab", "babab"});
  strings.clear();
  for (const std::string& s : vlmt_test::texts_of("ab", 4, [](const std::string& t) { return t.size() >= 2; }))
    strings.insert("[\"" + s + "\",1]");
  vlmt_test::compare_masks(
      Grammar::json_schema(
          R"({"type":"array","prefixItems":[{"type":"string","minLength":2,"maxLength":4},{"const":1}],"items":false,"minItems":2})",
          compact),
      strings, 100, {"ab", "ba\"", "aab", "\"a", "[\"ab", "b\",", "bb\",1", "abab", "babab", "aaaaa", ",1]"}, "ab\"");

  std::set<std::string> orders{"{}"};
  const std::vector<std::string> parts{"\"a\":1", "\"ab\":2", "\"b\":3"};
  for (const auto& x : parts) {
    orders.insert("{" + x + "}");
    for (const auto& y : parts) {
      if (x == y) continue;
      orders.insert("{" + x + "," + y + "}");
      for (const auto& z : parts) {
        if (z != x && z != y) orders.insert("{" + x + "," + y + "," + z + "}");
      }
    }
  }
  vlmt_test::compare_masks(
      Grammar::json_schema(
          R"({"type":"object","properties":{"a":{"const":1},"ab":{"const":2},"b":{"const":3}},"additionalProperties":false})",
          any_order),
      orders, 100, tokens);
}

TEST(GrammarSchema, CountedStringsAgainstTheirSmallCounts) {
  // Lengths near every bound, by tokens of several characters and of parts of them.
  const auto vocabulary = vlmt_test::token_vocabulary(
      {"ab", "abc", "abcdefgh", "\"ab", "c\"", "\xC3\xA9x", "\xA9", "\\", "\\n\\n", "\\u00", "\",\"", "\"]"});
  for (const auto& [min, max] :
       std::vector<std::pair<std::size_t, std::size_t>>{{0, 3}, {2, 2}, {3, 40}, {30, 40}, {0, 100}}) {
    const TokenGrammar g(
        Grammar::json_schema("{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":" + std::to_string(min) +
                                 ",\"maxLength\":" + std::to_string(max) + "},\"maxItems\":3}",
                             compact),
        vocabulary);
    std::mt19937 random(static_cast<unsigned>(min * 100 + max));
    for (int n = 0; n < 20; ++n) {
      const std::string text = vlmt_test::random_text(g, random);
      const auto value = nlohmann::json::parse(text);
      for (const auto& s : value) {
        std::size_t characters = 0;
        for (const char c : s.get<std::string>()) characters += (c & 0xC0) != 0x80 ? 1 : 0;
        EXPECT_GE(characters, min) << text;
        EXPECT_LE(characters, max) << text;
      }
    }
    // The mask is what accept() says, token by token.
    Matcher m(g);
    ASSERT_TRUE(m.accept_text("[\""));
    for (std::size_t i = 0; i < max + 2; ++i) {
      const auto mask = vlmt_test::mask_of(m);
      for (int t = 0; t < static_cast<int>(vocabulary->size()); ++t) {
        ASSERT_EQ(vlmt_test::mask_bit(mask, static_cast<std::size_t>(t)), m.allows(t))
            << i << " characters of " << max << ", token " << t;
      }
      if (!m.accept('a')) break;
    }
  }
}

/// Texts of random choice parse, and cover every branch.
TEST(GrammarSchema, RandomTextsParseAndCoverBranches) {
  const auto vocabulary = vlmt_test::token_vocabulary({"{\"", "\":", "true", "\", \"", "\\u0", "12", "]}", "  "});
  std::mt19937 random(11);
  for (const SchemaOptions& options :
       {SchemaOptions{}, compact, any_order, SchemaOptions{.space = JsonSpace::spaced}}) {
    const TokenGrammar branches(
        Grammar::json_schema(
            R"({"oneOf":[{"const":"a"},{"enum":[1,2]},{"type":"object","properties":{"x":{"type":"boolean"},"y":{"type":"null"}},"additionalProperties":false},
      {"type":"array","items":{"enum":["p","q"]},"maxItems":2}]})",
            options),
        vocabulary);
    std::set<std::string> seen;
    for (int n = 0; n < 600; ++n) seen.insert(nlohmann::json::parse(vlmt_test::random_text(branches, random)).dump());
    EXPECT_EQ(seen.size(), 1u + 2u + 6u + 7u);
    const TokenGrammar any(Grammar::json_schema("true", options), vocabulary);
    for (int n = 0; n < 20; ++n) EXPECT_TRUE(nlohmann::json::accept(vlmt_test::random_text(any, random)));
  }
}

TEST(GrammarSchema, ShippedSchemas) {
  const std::filesystem::path folder = std::filesystem::path(VLMT_SOURCE_DIR) / "examples" / "schemas";
  std::size_t schemas = 0;
  const auto vocabulary = vlmt_test::token_vocabulary();
  std::mt19937 random(5);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".schema.json")) continue;
    SCOPED_TRACE(path);
    ++schemas;
    const auto read = [](const std::string& name) {
      std::ifstream in(name);
      std::string text{std::istreambuf_iterator<char>(in), {}};
      while (!text.empty() && text.back() == '\n') text.pop_back();
      return text;
    };
    const std::string schema = read(path), example = read(path.substr(0, path.size() - 11) + "example.json");
    ASSERT_FALSE(example.empty());
    EXPECT_TRUE(accepts(Grammar::json_schema(schema), example));
    EXPECT_TRUE(accepts(Grammar::json_schema(schema, any_order), nlohmann::ordered_json::parse(example).dump()));
    const TokenGrammar g(Grammar::json_schema(schema, compact), vocabulary);
    for (int n = 0; n < 3; ++n) EXPECT_TRUE(nlohmann::json::accept(vlmt_test::random_text(g, random, 100)));
  }
  EXPECT_EQ(schemas, 5u);
}

TEST(GrammarSchema, CostIsBounded) {
  std::vector<std::string> hostile;
  std::string deep, wide = "{\"properties\":{", any = "{\"anyOf\":[", all, refs = "{\"$defs\":{";
  for (int i = 0; i < 100000; ++i) deep += "{\"items\":";
  hostile.push_back(deep);
  for (int i = 0; i < 5000; ++i) wide += (i == 0 ? "\"p" : ",\"p") + std::to_string(i) + "\":{}";
  hostile.push_back(wide + "}}");
  // Products of alternatives.
  all = "{\"allOf\":[";
  for (int i = 0; i < 20; ++i)
    all += std::string(i == 0 ? "" : ",") + R"({"anyOf":[{"minimum":1},{"maximum":5},{"type":"string"}]})";
  hostile.push_back(all + "]}");
  for (int i = 0; i < 20; ++i)
    any += std::string(i == 0 ? "" : ",") +
           R"({"type":"object","oneOf":[{"required":["a"]},{"required":["b"]},{"required":["c"]}]})";
  EXPECT_EQ(error_of(any + "]}"), "");
  for (int i = 0; i < 3000; ++i)
    refs += (i == 0 ? "\"d" : ",\"d") + std::to_string(i) + "\":{\"allOf\":[{\"$ref\":\"#/$defs/d" +
            std::to_string(i + 1) + "\"},{\"$ref\":\"#/$defs/d" + std::to_string(i + 2) + "\"}]}";
  hostile.push_back(refs + ",\"d3000\":{},\"d3001\":{}},\"$ref\":\"#/$defs/d0\"}");
  hostile.push_back(R"({"type":"array","minItems":1000000000,"maxItems":2000000000})");
  hostile.push_back(R"({"type":"array","items":{"type":"integer"},"maxItems":100000})");
  hostile.push_back(R"({"type":"string","pattern":"(a|b)*a(a|b){50}"})");
  hostile.push_back(R"({"type":"string","pattern":"^(x{1,1000}){1,1000}$"})");
  hostile.push_back(R"({"type":"string","pattern":"^(.*a){60}.{60}$","minLength":1000})");
  hostile.push_back(R"({"multipleOf":999999937})");
  hostile.push_back(R"({"type":"integer","multipleOf":1e400})");
  hostile.push_back(R"({"minimum":1e999999999999})");
  hostile.push_back("{\"type\":\"integer\",\"minimum\":" + std::string(5000, '9') + "}");
  hostile.push_back(R"({"patternProperties":{"a":{},"b":{},"c":{},"d":{},"e":{}}})");
  hostile.push_back("\"" + std::string(3000000, 'a'));
  std::string members = "{\"type\":\"object\",\"properties\":{";
  for (int i = 0; i < 13; ++i) members += (i == 0 ? "\"p" : ",\"p") + std::to_string(i) + "\":{\"const\":1}";
  for (const std::string& schema : hostile) {
    EXPECT_NE(error_of(schema), "") << schema.substr(0, 100);
  }
  EXPECT_NE(error_of(members + "}}", any_order).find("any order"), std::string::npos);
  // Large, but fine.
  std::string choices = "{\"enum\":[0";
  for (int i = 1; i < 3000; ++i) choices += ",\"value " + std::to_string(i) + "\"";
  EXPECT_EQ(error_of(choices + "]}"), "");
}

}  // namespace grammar_schema
}  // namespace
