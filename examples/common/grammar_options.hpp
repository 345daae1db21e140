// Options that restrict answers to a grammar.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <vlmt/text/grammar/grammar.hpp>

namespace CLI {
class App;
}

namespace programs {

/// At most one of them is given.
struct GrammarOptions {
  std::string schema;                ///< file with a JSON Schema
  std::string expression;            ///< regular expression
  std::vector<std::string> choices;  ///< texts
  std::string rules;                 ///< file with rules
};

/// Adds --schema, --regex, --choice and --grammar.
void add_grammar_options(CLI::App& app, GrammarOptions& options, const std::string& group);

/// The grammar that the options ask for, if any. Throws vlmt::Error, naming the file, if it cannot be read or compiled.
std::optional<vlmt::Grammar> read_grammar(const GrammarOptions& options);

}  // namespace programs
