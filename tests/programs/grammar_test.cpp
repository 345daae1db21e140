// vlmt-chat with answers that are restricted to a schema, an expression, a choice or rules.
#include <cstddef>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "programs/run_program.hpp"

namespace grammar_programs_test {
namespace {

using program_test::Outcome;
using Strings = std::vector<std::string>;

const std::string receipt_image = std::string(VLMT_SOURCE_DIR) + "/models/samples/receipt.png";

class GrammarPrograms : public program_test::ProgramTest {
 protected:
  Outcome ask(const Strings& options) {
    Strings arguments = {"--greedy", "--image", receipt_image, "-n", "200"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back("Read the text.");
    return run("vlmt-chat", arguments);
  }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(path(name)) << text;
    return path(name);
  }
};

TEST_F(GrammarPrograms, AChoice) {
  const Outcome one = ask({"--choice", "paid", "--choice", "not paid"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_TRUE(one.out == "paid\n" || one.out == "not paid\n") << one.out;
}

TEST_F(GrammarPrograms, AnExpression) {
  const Outcome one = ask({"--regex", "[A-Z][a-z]{2,9}: [0-9]{3}\\.[0-9]{2}"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_TRUE(std::regex_match(one.out, std::regex("[A-Z][a-z]{2,9}: [0-9]{3}\\.[0-9]{2}\n"))) << one.out;
}

TEST_F(GrammarPrograms, ASchema) {
  const std::string schema = write("s.json", R"({"type": "object", "properties": {
      "total": {"type": "number", "minimum": 0, "maximum": 999}, "paid": {"type": "boolean"}},
      "required": ["total", "paid"], "additionalProperties": false})");
  for (const char* sampling : {"--greedy", "--temperature=1.5"}) {
    const Outcome one = ask({"--schema", schema, sampling, "--seed", "3", "--json"});
    EXPECT_EQ(one.code, 0) << one.err;
    const auto report = nlohmann::json::parse(one.out);
    const auto answer = nlohmann::json::parse(report.at("text").get<std::string>());
    EXPECT_EQ(answer.size(), 2u);
    EXPECT_TRUE(answer.at("total").is_number());
    EXPECT_TRUE(answer.at("paid").is_boolean());
    EXPECT_EQ(report.at("finish"), "stop");
  }
}

TEST_F(GrammarPrograms, Rules) {
  const Outcome one = ask({"--grammar", write("r.txt", "root ::= \"<\" [a-c] \">\"\n")});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_TRUE(std::regex_match(one.out, std::regex("<[a-c]>\n"))) << one.out;
}

TEST_F(GrammarPrograms, WhatCannotBeReadIsRefusedBeforeTheModelIsLoaded) {
  const auto refused = [&](const Strings& options, const std::string& says) {
    const Outcome one = ask(options);
    EXPECT_NE(one.code, 0);
    EXPECT_EQ(one.out, "");
    EXPECT_NE(one.err.find(says), std::string::npos) << one.err;
  };
  refused({"--schema", path("missing.json")}, "missing.json");
  refused({"--schema", write("bad.json", R"({"type": "object", "unevaluatedItems": false})")}, "unevaluatedItems");
  refused({"--schema", write("cut.json", R"({"type": )")}, "cut.json");
  refused({"--regex", "(a"}, "regular expression");
  refused({"--regex", "a", "--choice", "b"}, "--choice");
}

}  // namespace
}  // namespace grammar_programs_test
