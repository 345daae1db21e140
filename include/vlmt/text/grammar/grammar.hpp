// Grammars of texts: from a JSON Schema, a regular expression, a choice of texts, or rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/schema_options.hpp"

#if VLMT_HAS_BODIES
#include "vlmt/text/grammar/dfa_algebra.hpp"
#include "vlmt/text/grammar/regex.hpp"
#include "vlmt/text/grammar/rules.hpp"
#include "vlmt/text/grammar/schema_arrays.hpp"
#include "vlmt/text/grammar/schema_compiler.hpp"
#include "vlmt/text/grammar/schema_document.hpp"
#include "vlmt/text/grammar/schema_objects.hpp"
#include "vlmt/text/utf8.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// A compiled set of texts. A copy shares the automaton. Constant and thread-safe. All factories throw InputError for
/// input that is wrong or unsupported, LimitError for input beyond `limits`; the message names the place. Also refused
/// is a grammar that no text satisfies. See docs/grammars.md.
class Grammar {
 public:
  /// JSON texts that satisfy a schema of draft 2020-12. A keyword that is not supported is refused by name and path.
  static Grammar json_schema(std::string_view schema, const SchemaOptions& options = {},
                             const GrammarLimits& limits = {});

  /// Texts that match the expression as a whole. It is that of ECMA 262 without look-around, word boundaries, back
  /// references and Unicode properties.
  static Grammar regex(std::string_view expression, const GrammarLimits& limits = {});

  /// One of these texts.
  static Grammar choice(std::span<const std::string> texts, const GrammarLimits& limits = {});

  /// Rules `name ::= expression`, starting from `root`; see grammar/rules.hpp.
  static Grammar rules(std::string_view text, const GrammarLimits& limits = {});

  /// From an automaton of one's own.
  explicit Grammar(grammar::Automaton automaton, const GrammarLimits& limits = {})
      : automaton_(std::make_shared<const grammar::Automaton>(std::move(automaton))), limits_(limits) {}

  const std::shared_ptr<const grammar::Automaton>& automaton() const noexcept { return automaton_; }
  const GrammarLimits& limits() const noexcept { return limits_; }

 private:
  std::shared_ptr<const grammar::Automaton> automaton_;
  GrammarLimits limits_;
};

#if VLMT_HAS_BODIES

VLMT_BODY Grammar Grammar::json_schema(std::string_view schema, const SchemaOptions& options,
                                       const GrammarLimits& limits) {
  const grammar::SchemaDocument document(schema, limits);
  grammar::Builder builder(limits);
  const std::uint32_t root = grammar::SchemaCompiler(document, options, builder).compile();
  return Grammar(builder.finish(root), limits);
}

VLMT_BODY Grammar Grammar::regex(std::string_view expression, const GrammarLimits& limits) {
  grammar::Builder builder(limits);
  const std::uint32_t root = builder.rule("regular expression");
  builder.define(root, grammar::regex_dfa(expression, {}, grammar::Spelling::utf8, false, builder.budget()));
  return Grammar(builder.finish(root), limits);
}

VLMT_BODY Grammar Grammar::choice(std::span<const std::string> texts, const GrammarLimits& limits) {
  grammar::Builder builder(limits);
  const std::uint32_t root = builder.rule("choice");
  grammar::Nfa nfa = builder.nfa();
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string where = "choice[" + std::to_string(i) + "]";
    if (!is_valid_utf8(texts[i])) {
      throw InputError("not UTF-8", {.file = {}, .offset = {}, .field = where, .expected = {}, .found = {}});
    }
    grammar::Budget::check(bytes += texts[i].size(), limits.text_bytes, "bytes of all texts", where);
    nfa.empty(nfa.literal(grammar::Nfa::start, texts[i]), grammar::Nfa::accept);
  }
  builder.define(root, std::move(nfa));
  return Grammar(builder.finish(root), limits);
}

VLMT_BODY Grammar Grammar::rules(std::string_view text, const GrammarLimits& limits) {
  grammar::Builder builder(limits);
  const std::uint32_t root = grammar::RulesParser(text, builder).parse();
  return Grammar(builder.finish(root), limits);
}

#endif

VLMT_END_NAMESPACE
