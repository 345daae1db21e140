// JSON Schemas to rules: one rule for each set of schemas that apply to a value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/dfa_algebra.hpp"
#include "vlmt/text/grammar/formats.hpp"
#include "vlmt/text/grammar/json_tree.hpp"
#include "vlmt/text/grammar/nfa.hpp"
#include "vlmt/text/grammar/numbers.hpp"
#include "vlmt/text/grammar/regex.hpp"
#include "vlmt/text/grammar/schema_alternatives.hpp"
#include "vlmt/text/grammar/schema_document.hpp"
#include "vlmt/text/grammar/schema_options.hpp"
#include "vlmt/text/grammar/schema_text.hpp"
#include "vlmt/text/grammar/schema_validator.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Compiles one document. Rules are made when a value needs them and filled in from a queue, so that schemas may refer
/// to themselves and nothing here is recursive.
class SchemaCompiler {
 public:
  SchemaCompiler(const SchemaDocument& document, const SchemaOptions& options, Builder& builder)
      : document_(document),
        options_(options),
        builder_(builder),
        text_(builder, options),
        validator_(document, options_, builder.budget()),
        alternatives_(document, validator_, options_.formats, builder.budget()) {}

  /// The rule of the whole document.
  std::uint32_t compile() {
    const std::uint32_t root = rule({&document_.root()});
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      const auto [schemas, rule] = queue_[i];
      Nfa nfa = builder_.nfa();
      for (const Alternative& a : alternatives_.of(schemas)) add(nfa, a);
      builder_.define(rule, std::move(nfa));
    }
    return root;
  }

  /// The rule of values that satisfy all of these schemas.
  std::uint32_t rule(Conjunction schemas) {
    sort(schemas);
    // What allows everything adds nothing.
    std::erase_if(schemas, [](const Json* s) { return s->is(Json::Kind::boolean) && s->boolean; });
    const auto [at, inserted] = rules_.try_emplace(schemas, 0);
    if (inserted) {
      at->second = builder_.rule(schemas.empty() ? "any value" : document_.path(*schemas[0]));
      queue_.emplace_back(std::move(schemas), at->second);
    }
    return at->second;
  }

  /// A rule that belongs to another one.
  std::uint32_t new_rule(std::string name, Nfa nfa) {
    const std::uint32_t rule = builder_.rule(std::move(name));
    builder_.define(rule, std::move(nfa));
    return rule;
  }

  const SchemaDocument& document() const noexcept { return document_; }
  const SchemaOptions& options() const noexcept { return options_; }
  Budget& budget() noexcept { return builder_.budget(); }
  SchemaText& text() noexcept { return text_; }
  SchemaValidator& validator() noexcept { return validator_; }
  SchemaAlternatives& alternatives() noexcept { return alternatives_; }

  /// The content of a string; nothing if it is any, with any length.
  struct Strings {
    std::optional<Dfa> content;
    std::uint32_t min = 0, max = 0;
  };
  Strings strings(const Alternative& a, std::uint32_t longest);

 private:
  void add(Nfa& nfa, const Alternative& a);
  void add_numbers(Nfa& nfa, const Alternative& a);
  void add_strings(Nfa& nfa, const Alternative& a);

  const SchemaDocument& document_;
  const SchemaOptions options_;
  Builder& builder_;
  SchemaText text_;
  SchemaValidator validator_;
  SchemaAlternatives alternatives_;
  std::map<Conjunction, std::uint32_t> rules_;
  std::vector<std::pair<Conjunction, std::uint32_t>> queue_;
};

/// Adds the arrays, or the objects, of an alternative to the automaton of its rule.
void add_arrays(SchemaCompiler& compiler, Nfa& nfa, const Alternative& a);
void add_objects(SchemaCompiler& compiler, Nfa& nfa, const Alternative& a);
/// Adds an object with exactly these members, in any order that the options allow.
void add_members(SchemaCompiler& compiler, Nfa& nfa, const Json& object);

#if VLMT_HAS_BODIES

VLMT_BODY void SchemaCompiler::add(Nfa& nfa, const Alternative& a) {
  const auto excluded = [&](const Json& v) {
    return std::any_of(a.excluded.begin(), a.excluded.end(), [&](const Json* e) { return equal(*e, v); });
  };
  if (a.listed) {
    for (const Json* v : a.values) {
      if (v->is(Json::Kind::object) && options_.order == PropertyOrder::any) {
        add_members(*this, nfa, *v);
      } else {
        nfa.empty(text_.value(nfa, Nfa::start, *v), Nfa::accept);
      }
    }
    return;
  }
  const auto literal = [&](const Json& v) {
    if (!excluded(v)) nfa.empty(text_.value(nfa, Nfa::start, v), Nfa::accept);
  };
  if ((a.types & type_null) != 0) literal({});
  if ((a.types & type_boolean) != 0) {
    literal({.kind = Json::Kind::boolean, .boolean = true});
    literal({.kind = Json::Kind::boolean, .boolean = false});
  }
  if ((a.types & (type_integer | type_fraction)) != 0) add_numbers(nfa, a);
  if ((a.types & type_string) != 0) add_strings(nfa, a);
  if ((a.types & type_array) != 0) add_arrays(*this, nfa, a);
  if ((a.types & type_object) != 0) add_objects(*this, nfa, a);
}

VLMT_BODY void SchemaCompiler::add_numbers(Nfa& nfa, const Alternative& a) {
  NumberRange range;
  for (const Json* s : a.schemas) narrow(range, document_, *s);
  range.integers = (a.types & type_integer) != 0;
  range.fractions = (a.types & type_fraction) != 0;
  nfa.call(Nfa::start, text_.number(range), Nfa::accept);
}

VLMT_BODY SchemaCompiler::Strings SchemaCompiler::strings(const Alternative& a, std::uint32_t longest) {
  Strings out{.content = std::nullopt, .min = 0, .max = longest};
  const auto narrow_content = [&](const Dfa& more) {
    out.content = out.content ? intersection(*out.content, more, budget()) : more;
  };
  for (const Json* s : a.schemas) {
    out.min = std::max(out.min, document_.count(*s, "minLength"));
    out.max = std::min(out.max, document_.count(*s, "maxLength", 0xFFFFFFFF));
    if (const Json* p = s->find("pattern")) {
      narrow_content(regex_dfa(p->text, document_.path(*s) + "/pattern", Spelling::json, true, budget()));
    }
    const Json* format = s->find("format");
    if (format == nullptr || !options_.formats) continue;
    const std::string expression = format_expression(format->text);
    if (expression.empty()) document_.unsupported(*s, "format", detail::shown(format->text));
    narrow_content(regex_dfa(expression, document_.path(*s) + "/format", Spelling::json, false, budget()));
  }
  std::vector<std::string> excluded;
  for (const Json* e : a.excluded) {
    if (e->is(Json::Kind::string)) excluded.push_back(e->text);
  }
  if (!excluded.empty()) {
    out.content = difference(out.content ? *out.content : text_.plain(), text_.one_of(excluded), budget());
  }
  if (out.content && out.min > 0) {
    Budget::check(out.min, budget().limits().repeats, "minLength of a string with a pattern or format",
                  a.schemas.empty() ? std::string() : document_.path(*a.schemas[0]));
    narrow_content(text_.at_least(out.min));
  }
  return out;
}

VLMT_BODY void SchemaCompiler::add_strings(Nfa& nfa, const Alternative& a) {
  const Strings s = strings(a, options_.string_length);
  if (s.min > s.max && s.max == options_.string_length) {
    Budget::check(s.min, s.max, "minLength", document_.path(*a.schemas[0]));
  }
  const std::uint32_t rule = s.content ? text_.string(*s.content, s.max) : text_.free_string(s.min, s.max);
  nfa.call(Nfa::start, rule, Nfa::accept);
}

#endif

}  // namespace grammar

VLMT_END_NAMESPACE
