// Parts of JSON texts in automata: punctuation with white space, names, strings and whole values.
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
#include "vlmt/text/grammar/characters.hpp"
#include "vlmt/text/grammar/decimal.hpp"
#include "vlmt/text/grammar/dfa.hpp"
#include "vlmt/text/grammar/dfa_algebra.hpp"
#include "vlmt/text/grammar/json_tree.hpp"
#include "vlmt/text/grammar/nfa.hpp"
#include "vlmt/text/grammar/numbers.hpp"
#include "vlmt/text/grammar/schema_options.hpp"
#include "vlmt/text/grammar/strings.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Adds parts of JSON texts to automata. Rules that several places need are made once.
class SchemaText {
 public:
  SchemaText(Builder& builder, const SchemaOptions& options) : builder_(builder), options_(options) {}

  /// `[` or `{`, `,`, `:`, `]` or `}` with the white space around them. Return the state after it.
  std::uint32_t open(Nfa& nfa, std::uint32_t from, char c) { return space(nfa, byte(nfa, from, c)); }
  std::uint32_t comma(Nfa& nfa, std::uint32_t from) { return separator(nfa, space(nfa, from), ','); }
  std::uint32_t colon(Nfa& nfa, std::uint32_t from) { return separator(nfa, space(nfa, from), ':'); }
  std::uint32_t close(Nfa& nfa, std::uint32_t from, char c) { return byte(nfa, space(nfa, from), c); }

  /// A name or string in its one spelling.
  static std::uint32_t string(Nfa& nfa, std::uint32_t from, std::string_view text) {
    return nfa.literal(from, "\"" + json_content(text) + "\"");
  }

  /// Exactly this value, members in their order. Returns the state after it.
  std::uint32_t value(Nfa& nfa, std::uint32_t from, const Json& v) {
    switch (v.kind) {
      case Json::Kind::null:
        return nfa.literal(from, "null");
      case Json::Kind::boolean:
        return nfa.literal(from, v.boolean ? "true" : "false");
      case Json::Kind::number: {
        const auto d = Decimal::parse(v.text);
        return nfa.literal(from, d ? d->text() : v.text);
      }
      case Json::Kind::string:
        return string(nfa, from, v.text);
      case Json::Kind::array:
      case Json::Kind::object:
        break;
    }
    const bool object = v.is(Json::Kind::object);
    from = open(nfa, from, object ? '{' : '[');
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      if (i > 0) from = comma(nfa, from);
      if (object) from = colon(nfa, string(nfa, from, v.keys[i]));
      from = value(nfa, from, v.items[i]);
    }
    if (!v.items.empty()) return close(nfa, from, object ? '}' : ']');
    return byte(nfa, from, object ? '}' : ']');
  }

  /// The rule of strings of min to max characters.
  std::uint32_t free_string(std::uint32_t min, std::uint32_t max) {
    const auto [at, inserted] = strings_.try_emplace({min, max}, 0);
    if (inserted) {
      if (!content_) content_ = free_content(builder_.budget());
      at->second = builder_.rule("string");
      builder_.define_string(at->second, *content_, min, max, true);
    }
    return at->second;
  }

  /// The rule of strings whose content is of `content`, with at most `max` characters.
  std::uint32_t string(const Dfa& content, std::uint32_t max) {
    const std::uint32_t rule = builder_.rule("string");
    builder_.define_string(rule, content, 0, max, false);
    return rule;
  }

  /// Any content in its shortest spelling.
  const Dfa& plain() {
    if (!plain_) plain_ = plain_content(builder_.budget());
    return *plain_;
  }

  /// Content of min or more characters.
  Dfa at_least(std::uint32_t min) {
    Nfa nfa = builder_.nfa();
    std::uint32_t at = Nfa::start;
    nfa.set_boundary(at);
    for (std::uint32_t i = 0; i <= min; ++i) {
      const std::uint32_t next = i < min ? nfa.state() : at;
      nfa.set_boundary(next);
      CharacterEdges(nfa, next).add(at, Characters::all(), Spelling::json);
      at = next;
    }
    nfa.empty(at, Nfa::accept);
    return determinise(nfa);
  }

  /// The content of these texts and no other.
  Dfa one_of(const std::vector<std::string>& texts) {
    Nfa nfa = builder_.nfa();
    for (const std::string& text : texts) nfa.empty(nfa.literal(Nfa::start, json_content(text)), Nfa::accept);
    return determinise(nfa);
  }

  /// The rule of numbers in a range.
  std::uint32_t number(const NumberRange& range) {
    std::string key = std::to_string(range.integers * 2 + range.fractions) + " " + std::to_string(range.step) + " " +
                      std::to_string(range.decimals);
    const auto bound = [&](const std::optional<Decimal>& d, bool excluded) {
      key += d ? (excluded ? " >" : " ") + d->text() : " -";
    };
    bound(range.low, range.above_low);
    bound(range.high, range.below_high);
    const auto [at, inserted] = numbers_.try_emplace(std::move(key), 0);
    if (inserted) {
      at->second = builder_.rule("number");
      builder_.define(at->second, NumberAutomaton(range, options_.digits).build(builder_.budget()));
    }
    return at->second;
  }

 private:
  static std::uint32_t byte(Nfa& nfa, std::uint32_t from, char c) { return nfa.literal(from, {&c, 1}); }

  std::uint32_t separator(Nfa& nfa, std::uint32_t from, char c) {
    from = byte(nfa, from, c);
    return options_.space == JsonSpace::spaced ? byte(nfa, from, ' ') : space(nfa, from);
  }

  // White space, if it is free.
  std::uint32_t space(Nfa& nfa, std::uint32_t from) {
    if (options_.space != JsonSpace::free) return from;
    if (!space_) {
      space_ = builder_.rule("white space");
      Dfa run;
      Budget::check(options_.space_run, builder_.budget().limits().repeats, "length of white space");
      run.states.resize(std::size_t{options_.space_run} + 1);
      builder_.budget().states(run.states.size());
      for (std::uint32_t i = 0; i <= options_.space_run; ++i) {
        run.states[i].final = true;
        if (i == options_.space_run) break;
        for (const char c : {'\t', '\n', '\r', ' '}) {
          run.states[i].edges.push_back({static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c), i + 1});
        }
      }
      reduce(run, builder_.budget());
      builder_.define(*space_, std::move(run));
    }
    const std::uint32_t next = nfa.state();
    nfa.call(from, *space_, next);
    return next;
  }

  Builder& builder_;
  const SchemaOptions& options_;
  std::optional<std::uint32_t> space_;
  std::optional<Dfa> content_, plain_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> strings_;
  std::map<std::string, std::uint32_t> numbers_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
