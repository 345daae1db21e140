// The small grammar form: named rules with literals, classes, groups and repetitions.
//
//   root   ::= "<think>" text "</think>" answer      # a comment
//   answer ::= "yes" | "no" | [0-9]{1,3} ("." [0-9]+)?
//   text   ::= [^<]*
//
// A rule ends before the next `name ::=`. Rules may call each other and themselves, but not as the first thing they do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/automaton.hpp"
#include "vlmt/text/grammar/characters.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/grammar/nfa.hpp"
#include "vlmt/text/grammar/regex.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Reads the grammar form and defines its rules. Errors name the byte.
class RulesParser {
 public:
  RulesParser(std::string_view text, Builder& builder) : text_(text), builder_(builder), nfa_(builder.nfa()) {
    Budget::check(text.size(), builder.budget().limits().text_bytes, "bytes of the grammar");
    if (!is_valid_utf8(text)) fail("not UTF-8");
  }

  /// The rule `root`.
  std::uint32_t parse() {
    skip_space();
    while (pos_ < text_.size()) {
      const std::size_t begin = pos_;
      const std::string name(take_name());
      if (name.empty() || !take("::=")) fail("a rule is missing", "name ::= expression");
      Rule& rule = rule_of(name);
      if (rule.defined) {
        pos_ = begin;
        fail("the rule is defined twice: " + name);
      }
      rule.defined = true;
      nfa_ = builder_.nfa();
      choice(Nfa::start, Nfa::accept, 0);
      builder_.define(rule.id, std::move(nfa_));
    }
    const auto root = rules_.find("root");
    if (root == rules_.end() || !root->second.defined) fail("there is no rule `root`");
    for (const auto& [name, rule] : rules_) {
      pos_ = rule.first_use;
      if (!rule.defined) fail("no such rule: " + name);
    }
    return root->second.id;
  }

 private:
  struct Rule {
    std::uint32_t id;
    std::size_t first_use;
    bool defined = false;
  };

  [[noreturn]] void fail(const std::string& message, std::string expected = {}) const {
    throw InputError(message,
                     {.file = {}, .offset = pos_, .field = "grammar", .expected = std::move(expected), .found = {}});
  }
  char peek() const noexcept { return pos_ < text_.size() ? text_[pos_] : '\0'; }
  bool take(std::string_view token) {
    if (!text_.substr(pos_).starts_with(token)) return false;
    pos_ += token.size();
    skip_space();
    return true;
  }
  void skip_space() {
    const std::size_t begin = pos_;
    for (; pos_ < text_.size(); ++pos_) {
      if (text_[pos_] == '#') {
        while (pos_ + 1 < text_.size() && text_[pos_ + 1] != '\n') ++pos_;
      } else if (std::string_view(" \t\r\n").find(text_[pos_]) == std::string_view::npos) {
        break;
      }
    }
    builder_.budget().steps(1 + pos_ - begin);  // items that are repeated are read again
  }
  std::string_view take_name() {
    const std::size_t begin = pos_;
    const auto part = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    while (pos_ < text_.size() && part(text_[pos_])) ++pos_;
    const std::string_view name = text_.substr(begin, pos_ - begin);
    skip_space();
    return name;
  }
  Rule& rule_of(const std::string& name) {
    const auto at = rules_.find(name);
    if (at != rules_.end()) return at->second;
    return rules_.emplace(name, Rule{builder_.rule(name), pos_}).first->second;
  }

  void choice(std::uint32_t from, std::uint32_t to, std::size_t depth) {
    const std::size_t limit = builder_.budget().limits().depth;
    if (depth > limit) fail("groups nest too deeply", "at most " + std::to_string(limit));
    do {
      const std::uint32_t begin = nfa_.state(), end = sequence(begin, depth);
      nfa_.empty(from, begin);
      nfa_.empty(end, to);
    } while (take("|"));
  }

  // The state after the items that follow.
  std::uint32_t sequence(std::uint32_t from, std::size_t depth) {
    for (;;) {
      const std::size_t begin = pos_;
      const std::uint32_t next = nfa_.state();
      if (!item(from, next, depth)) return from;
      from = repeat(begin, from, next, depth);
    }
  }

  // Reads one item and adds it between two states. False at the end of a sequence.
  bool item(std::uint32_t from, std::uint32_t to, std::size_t depth) {
    const char c = peek();
    if (c == '"') {
      nfa_.empty(nfa_.literal(from, string()), to);
    } else if (c == '[') {
      const Characters set = RegexParser::read_class(text_, pos_, "grammar", builder_.budget());
      CharacterEdges(nfa_, to).add(from, set, Spelling::utf8);
      skip_space();
    } else if (c == '.') {
      ++pos_;
      skip_space();
      CharacterEdges(nfa_, to).add(from, Characters::all(), Spelling::utf8);
    } else if (c == '(') {
      take("(");
      choice(from, to, depth + 1);
      if (!take(")")) fail("')' is missing");
    } else {
      const std::size_t begin = pos_;
      const std::string name(take_name());
      if (name.empty()) {
        if (c != '\0' && c != '|' && c != ')') fail("a literal, class, group or name is missing");
        return false;
      }
      if (text_.substr(pos_).starts_with("::=")) {
        pos_ = begin;
        return false;
      }
      nfa_.call(from, rule_of(name).id, to);
    }
    return true;
  }

  // After an item from `from` to `to`, which began at byte `begin` of the text: its quantifier. The copies of the item
  // are read from the text again. Returns the state after all of them.
  std::uint32_t repeat(std::size_t begin, std::uint32_t from, std::uint32_t to, std::size_t depth) {
    std::uint32_t min = 1, max = 1;
    if (take("*")) {
      min = 0, max = Regex::unbounded;
    } else if (take("+")) {
      max = Regex::unbounded;
    } else if (take("?")) {
      min = 0;
    } else if (take("{")) {
      min = max = count();
      if (take(",")) max = peek() == '}' ? Regex::unbounded : count();
      if (!take("}")) fail("'}' is missing after a count");
      if (max < min) fail("the larger count comes first");
    } else {
      return to;
    }
    const std::size_t after = pos_;
    const std::uint32_t end = nfa_.state();
    const auto again = [&](std::uint32_t at) {
      const std::uint32_t next = nfa_.state();
      pos_ = begin;
      item(at, next, depth);
      return next;
    };
    // The first copy, from `from` to `to`, is there already.
    if (min == 0) nfa_.empty(from, end);
    if (max != 0) {
      std::uint32_t at = to;
      const std::uint32_t copies = max == Regex::unbounded ? std::max(min, 1u) : max;
      for (std::uint32_t i = 1; i < copies; ++i) {
        if (i >= min) nfa_.empty(at, end);
        at = again(at);
      }
      nfa_.empty(at, end);
      if (max == Regex::unbounded) {
        const std::uint32_t loop = nfa_.state();
        nfa_.empty(at, loop);
        nfa_.empty(again(loop), loop);
        nfa_.empty(loop, end);
      }
    }
    pos_ = after;
    return end;
  }

  std::uint32_t count() {
    std::uint32_t n = 0;
    if (peek() < '0' || peek() > '9') fail("a count is missing");
    while (peek() >= '0' && peek() <= '9') {
      n = n * 10 + static_cast<std::uint32_t>(peek() - '0');
      Budget::check(n, builder_.budget().limits().repeats, "count of a repetition", "grammar");
      ++pos_;
    }
    skip_space();
    return n;
  }

  std::string string() {
    std::string out;
    for (++pos_; peek() != '"';) {
      if (pos_ >= text_.size() || peek() == '\n') fail("a literal does not end");
      if (peek() == '\\') {
        const Characters one = RegexParser::read_class(text_, pos_, "grammar", builder_.budget());
        if (one.ranges().size() != 1 || one.ranges()[0].first != one.ranges()[0].last)
          fail("a class inside of a literal");
        append_utf8(out, one.ranges()[0].first);
      } else {
        out += text_[pos_++];
      }
    }
    ++pos_;
    skip_space();
    return out;
  }

  std::string_view text_;
  Builder& builder_;
  std::size_t pos_ = 0;
  Nfa nfa_;
  std::map<std::string, Rule, std::less<>> rules_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
