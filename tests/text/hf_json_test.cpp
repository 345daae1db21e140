#include "vlmt/text/hf_json.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"

namespace {

// Expected values: Python's json.dumps(json.loads(json), ensure_ascii=False).
TEST(HfJson, WritesAsPythonDoes) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"a":1,"b":[true,false,null]})", R"({"a": 1, "b": [true, false, null]})"},
      {" [ ] ", "[]"},
      {"\t{ }\r\n", "{}"},
      {R"({"a":{"b":{"c":[[],{}]}}})", R"({"a": {"b": {"c": [[], {}]}}})"},
      {R"({"a":1,"b":2,"a":3})", R"({"a": 3, "b": 2})"},
      {R"({"a":1,"\u0061":{"x":0}})", R"({"a": {"x": 0}})"},
      {R"("\u00e9\ud83d\ude00\/\u0000\u001f\b\f\n\r\t\"\\")", R"("é😀/\u0000\u001f\b\f\n\r\t\"\\")"},
      {"\"\x7F\u2028,:{\"", "\"\x7F\u2028,:{\""},
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"1.0", "1.0"},
      {"1E5", "100000.0"},
      {"1e16", "1e+16"},
      {"9999999999999998.0", "9999999999999998.0"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"0.1e1", "1.0"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"5e-324", "5e-324"},
      {"1e-400", "0.0"},
      {"-1e-400", "-0.0"},
      {"0e999999999999", "0.0"},
      {"0." + std::string(400, '0') + "1", "0.0"},
      {"1" + std::string(400, '0') + "e-395", "100000.0"},
  };
  for (const auto& [json, expected] : cases) EXPECT_EQ(vlmt::to_hf_json(json), expected) << json;
}

TEST(HfJson, RefusesInvalidJson) {
  for (const std::string json :
       {"",           "{",       "[1,]",  "{\"a\"}",  "{\"a\":}",    "{a:1}",       "{1:2}",
        "{\"a\":1,}", "01",      "1.",    ".5",       "+1",          "-",           "1e",
        "\"\x01\"",   "\"\\x\"", "\"abc", "\"\\",     "\"\\u12\"",   "nul",         "NaN",
        "Infinity",   "[1 2]",   "1 2",   "\"\xFF\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "1e999",      "-1e999",  "{}x"}) {
    EXPECT_THROW(vlmt::to_hf_json(json), vlmt::InputError) << json;
  }
  EXPECT_THROW(vlmt::to_hf_json(std::string(100'000, '[')), vlmt::InputError);
  EXPECT_THROW(vlmt::to_hf_json("1" + std::string(400, '0') + ".0"), vlmt::InputError);
  EXPECT_EQ(vlmt::to_hf_json(std::string(150, '[') + std::string(150, ']')),
            std::string(150, '[') + std::string(150, ']'));
}

}  // namespace
