// See grammar_options.hpp.
#include "grammar_options.hpp"

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>

#include <CLI/CLI.hpp>

#include <vlmt/base/error.hpp>

namespace programs {

namespace {

/// The text of a file of at most a mebibyte.
std::string read_text(const std::string& path) {
  constexpr std::size_t most = std::size_t{1} << 20;
  std::ifstream in(path, std::ios::binary);
  std::string text;
  if (in) {
    text.resize(most + 1);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof() && !in) throw vlmt::FileError("the file cannot be read", {path, {}, {}, {}, {}});
  if (text.size() > most) throw vlmt::LimitError("the file is too large", {path, {}, {}, "at most 1 MiB", {}});
  return text;
}

}  // namespace

void add_grammar_options(CLI::App& app, GrammarOptions& o, const std::string& group) {
  CLI::Option* schema =
      app.add_option("--schema", o.schema, "Restrict the answer to JSON that satisfies this JSON Schema file")
          ->group(group);
  CLI::Option* expression =
      app.add_option("--regex", o.expression, "Restrict the answer to a match of this regular expression")
          ->group(group);
  CLI::Option* choice =
      app.add_option("--choice", o.choices, "Restrict the answer to this text, or to one of several: repeat the option")
          ->group(group)
          ->allow_extra_args(false);
  CLI::Option* rules =
      app.add_option("--grammar", o.rules, "Restrict the answer to the rules of this file (docs/grammars.md)")
          ->group(group);
  schema->excludes(expression)->excludes(choice)->excludes(rules);
  expression->excludes(choice)->excludes(rules);
  choice->excludes(rules);
}

std::optional<vlmt::Grammar> read_grammar(const GrammarOptions& o) {
  const auto compiled = [](const std::string& file, const auto& compile) {
    const std::string text = read_text(file);
    try {
      return compile(text);
    } catch (const vlmt::Error& e) {
      throw vlmt::InputError(file + ": " + e.what());
    }
  };
  if (!o.schema.empty()) {
    return compiled(o.schema, [](const std::string& text) { return vlmt::Grammar::json_schema(text); });
  }
  if (!o.rules.empty()) return compiled(o.rules, [](const std::string& text) { return vlmt::Grammar::rules(text); });
  if (!o.expression.empty()) return vlmt::Grammar::regex(o.expression);
  if (!o.choices.empty()) return vlmt::Grammar::choice(o.choices);
  return {};
}

}  // namespace programs
