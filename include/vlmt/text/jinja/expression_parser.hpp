// Reads the expressions of a chat template, by Jinja2's grammar.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/lexer.hpp"
#include "vlmt/text/jinja/syntax.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

class ExpressionParser {
 public:
  ExpressionParser(Program& program, const Limits& limits)
      : program_(&program), limits_(limits), tokens_(Lexer(program.source, program.strings).tokens()) {}

 protected:
  using Op = Node::Op;
  using Kind = Token::Kind;
  using Names = std::initializer_list<std::string_view>;

  // --- tokens

  const Token& now() const noexcept { return tokens_[at_]; }
  const Token& ahead(std::size_t n = 1) const noexcept { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  const Token& next() noexcept {
    const Token& t = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return t;
  }
  bool skip_op(std::string_view op) noexcept {
    if (!now().is_op(op)) return false;
    next();
    return true;
  }
  bool skip_name(std::string_view name) noexcept {
    if (!now().is_name(name)) return false;
    next();
    return true;
  }
  [[noreturn]] void fail(std::string_view message, std::string_view expected) const {
    fail_at(now().line, message, expected, now().shown());
  }
  void expect_op(std::string_view op) {
    if (!skip_op(op)) fail("a bad expression", "'" + std::string(op) + "'");
  }
  void expect_block_end() {
    if (!now().is(Kind::block_end)) fail("a tag does not end", "'%}'");
    next();
  }
  std::string_view expect_name(const char* what) {
    if (!now().is(Kind::name)) fail("a name is missing", what);
    return next().text;
  }

  // --- nodes

  Node* make(Op op, std::size_t line, Node::List kids = {}) {
    Node& n = program_->nodes.emplace_back();
    n.op = op;
    n.line = static_cast<std::uint32_t>(line);
    n.kids = std::move(kids);
    return measure(&n);
  }
  Node* measure(Node* n) const {
    for (const Node* kid : n->kids) {
      if (kid != nullptr) n->depth = std::max(n->depth, kid->depth + 1);
    }
    if (n->depth > limits_.nesting) too_deep(n->line);
    return n;
  }
  [[noreturn]] void too_deep(std::size_t line) const {
    fail_at(line, "nested too deeply", "at most " + std::to_string(limits_.nesting) + " levels");
  }

  // One for each level of recursion.
  struct Level {
    explicit Level(ExpressionParser& p) : parser(p) {
      if (++parser.level_ > parser.limits_.nesting) {
        --parser.level_;
        parser.too_deep(parser.now().line);
      }
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --parser.level_; }
    ExpressionParser& parser;
  };

  // --- expressions

  // One expression, or several with commas between, which are a tuple.
  const Node* tuple(bool conditions, Names ends = {}) {
    const std::size_t line = now().line;
    Node::List items;
    bool comma = false;
    while (true) {
      if (comma && (now().is(Kind::variable_end) || now().is(Kind::block_end) || now().is_op(")") ||
                    std::any_of(ends.begin(), ends.end(), [&](auto e) { return now().is_name(e); }))) {
        break;
      }
      items.push_back(conditions ? expression() : logical_or());
      if (!skip_op(",")) break;
      comma = true;
    }
    return comma ? make(Op::tuple, line, std::move(items)) : items[0];
  }

  const Node* expression() {
    const Level level(*this);
    const std::size_t line = now().line;
    const Node* value = logical_or();
    while (skip_name("if")) {
      const Node* condition = logical_or();
      const Node* other = skip_name("else") ? expression() : nullptr;
      value = make(Op::condition, line, {condition, value, other});
    }
    return value;
  }

  const Node* logical_or() {
    const Node* left = logical_and();
    while (now().is_name("or")) {
      const std::size_t line = next().line;
      left = make(Op::logical_or, line, {left, logical_and()});
    }
    return left;
  }
  const Node* logical_and() {
    const Node* left = logical_not();
    while (now().is_name("and")) {
      const std::size_t line = next().line;
      left = make(Op::logical_and, line, {left, logical_not()});
    }
    return left;
  }
  const Node* logical_not() {
    if (!now().is_name("not")) return compare();
    const Level level(*this);
    const std::size_t line = next().line;
    return make(Op::logical_not, line, {logical_not()});
  }

  std::string_view comparison() noexcept {
    for (const std::string_view op : {"==", "!=", "<", "<=", ">", ">="}) {
      if (skip_op(op)) return op;
    }
    if (skip_name("in")) return "in";
    if (now().is_name("not") && ahead().is_name("in")) {
      next();
      next();
      return "not in";
    }
    return {};
  }
  const Node* compare() {
    const std::size_t line = now().line;
    const Node* first = sum();
    Node* n = nullptr;
    for (std::string_view op = comparison(); !op.empty(); op = comparison()) {
      if (n == nullptr) n = make(Op::compare, line, {first});
      n->names.push_back(op);
      n->kids.push_back(sum());
    }
    return n == nullptr ? first : measure(n);
  }

  const Node* arithmetic(const Node* left, const Token& op, const Node* right) {
    Node* n = make(Op::arithmetic, op.line, {left, right});
    n->name = op.text;
    return n;
  }
  const Node* sum() {
    const Node* left = concatenation();
    while (now().is_op("+") || now().is_op("-")) {
      const Token& op = next();
      left = arithmetic(left, op, concatenation());
    }
    return left;
  }
  const Node* concatenation() {
    const std::size_t line = now().line;
    Node::List parts{product()};
    while (skip_op("~")) parts.push_back(product());
    return parts.size() == 1 ? parts[0] : make(Op::concatenation, line, std::move(parts));
  }
  const Node* product() {
    const Node* left = power();
    while (now().is_op("*") || now().is_op("/") || now().is_op("//") || now().is_op("%")) {
      const Token& op = next();
      left = arithmetic(left, op, power());
    }
    return left;
  }
  const Node* power() {
    const Node* left = unary(true);
    while (now().is_op("**")) {
      const Token& op = next();
      left = arithmetic(left, op, unary(true));
    }
    return left;
  }
  const Node* unary(bool with_filters) {
    const Level level(*this);
    const Node* n = nullptr;
    if (now().is_op("-") || now().is_op("+")) {
      const Token& t = next();
      n = make(t.text == "-" ? Op::minus : Op::plus, t.line, {unary(false)});
    } else {
      n = primary();
    }
    n = postfix(n);
    return with_filters ? filters_and_tests(n) : n;
  }

  const Node* primary() {
    const Token& t = next();
    Node* n = nullptr;
    switch (t.kind) {
      case Kind::name:
        n = make(Op::constant, t.line);
        if (t.text == "true" || t.text == "True") {
          n->value = true;
        } else if (t.text == "false" || t.text == "False") {
          n->value = false;
        } else if (t.text == "none" || t.text == "None") {
          n->value = None{};
        } else {
          n->op = Op::name;
          n->name = t.text;
        }
        return n;
      case Kind::string: {
        n = make(Op::constant, t.line);
        if (!now().is(Kind::string)) {
          n->value = t.text;
          return n;
        }
        std::string joined(t.text);
        while (now().is(Kind::string)) joined += next().text;
        n->value = std::string_view(program_->strings.emplace_back(std::move(joined)));
        return n;
      }
      case Kind::integer:
      case Kind::number:
        n = make(Op::constant, t.line);
        if (t.is(Kind::integer)) {
          n->value = t.integer;
        } else {
          n->value = t.number;
        }
        return n;
      case Kind::op:
        if (t.text == "(") {
          if (skip_op(")")) return make(Op::tuple, t.line);
          const Node* inside = tuple(true);
          expect_op(")");
          return inside;
        }
        if (t.text == "[") return list(t.line);
        if (t.text == "{") return dict(t.line);
        break;
      default:
        break;
    }
    if (at_ > 0 && !t.is(Kind::end)) --at_;
    fail("a bad expression", "a value");
  }

  const Node* list(std::size_t line) {
    Node* n = make(Op::list, line);
    while (!skip_op("]")) {
      if (!n->kids.empty()) expect_op(",");
      if (skip_op("]")) break;
      n->kids.push_back(expression());
    }
    return measure(n);
  }
  const Node* dict(std::size_t line) {
    Node* n = make(Op::dict, line);
    while (!skip_op("}")) {
      if (!n->kids.empty()) expect_op(",");
      if (skip_op("}")) break;
      n->kids.push_back(expression());
      expect_op(":");
      n->kids.push_back(expression());
    }
    return measure(n);
  }

  const Node* postfix(const Node* n) {
    while (true) {
      if (now().is_op(".")) {
        const std::size_t line = next().line;
        if (now().is(Kind::integer)) {
          Node* index = make(Op::constant, line);
          index->value = next().integer;
          n = make(Op::item, line, {n, index});
        } else {
          Node* a = make(Op::attribute, line, {n});
          a->name = expect_name("an attribute");
          n = a;
        }
      } else if (now().is_op("[")) {
        n = subscript(n);
      } else if (now().is_op("(")) {
        n = call(n);
      } else {
        return n;
      }
    }
  }

  const Node* subscript(const Node* object) {
    const std::size_t line = next().line;
    const auto part = [&]() -> const Node* { return now().is_op(":") || now().is_op("]") ? nullptr : expression(); };
    const Node* from = part();
    if (!now().is_op(":")) {
      if (from == nullptr) fail("a bad subscript", "an index or a slice");
      if (now().is_op(",")) fail("a subscript of several values is not known", "']'");
      expect_op("]");
      return make(Op::item, line, {object, from});
    }
    next();
    const Node* to = part();
    const Node* step = skip_op(":") ? part() : nullptr;
    expect_op("]");
    return make(Op::slice, line, {object, from, to, step});
  }

  // Arguments in brackets, into kids and names.
  void arguments(Node* n) {
    expect_op("(");
    for (bool first = true; !skip_op(")"); first = false) {
      if (!first) {
        expect_op(",");
        if (skip_op(")")) break;
      }
      if (now().is_op("*") || now().is_op("**")) fail("unpacked arguments are not known", "an argument");
      if (now().is(Kind::name) && ahead().is_op("=")) {
        n->names.push_back(next().text);
        next();
      } else if (!n->names.empty()) {
        fail("an argument without a name after one with a name", "a name");
      }
      n->kids.push_back(expression());
    }
    measure(n);
  }
  const Node* call(const Node* function) {
    Node* n = make(Op::call, now().line, {function});
    arguments(n);
    return n;
  }

  // "|name(arguments)" again and again; the first one of a filter block has no bar.
  const Node* filters(const Node* input, bool first) {
    while (first || now().is_op("|")) {
      if (!first) next();
      first = false;
      input = one_filter(input);
    }
    return input;
  }
  const Node* one_filter(const Node* input) {
    Node* n = make(Op::filter, now().line, {input});
    n->name = expect_name("the name of a filter");
    if (now().is_op("(")) arguments(n);
    return n;
  }

  const Node* filters_and_tests(const Node* n) {
    while (true) {
      if (skip_op("|")) {
        n = one_filter(n);
      } else if (now().is_name("is")) {
        n = test(n);
      } else if (now().is_op("(")) {
        n = call(n);
      } else {
        return n;
      }
    }
  }

  const Node* test(const Node* input) {
    const std::size_t line = next().line;
    const bool negated = skip_name("not");
    Node* n = make(Op::test, line, {input});
    n->name = expect_name("the name of a test");
    const bool argument = now().is(Kind::name) ? !(now().is_name("else") || now().is_name("or") || now().is_name("and"))
                                               : now().is(Kind::string) || now().is(Kind::integer) ||
                                                     now().is(Kind::number) || now().is_op("[") || now().is_op("{");
    if (now().is_op("(")) {
      arguments(n);
    } else if (now().is_name("is")) {
      fail("tests cannot follow each other", "'and' or 'or'");
    } else if (argument && !ends_expression()) {
      n->kids.push_back(postfix(primary()));
      measure(n);
    }
    return negated ? make(Op::logical_not, line, {n}) : n;
  }
  // Words after a test that are no argument of it. Jinja2 lets "if" be one in its grammar only.
  bool ends_expression() const noexcept { return now().is_name("if") || now().is_name("in") || now().is_name("not"); }

  Program* program_;
  Limits limits_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t level_ = 0;
};

}  // namespace jinja

VLMT_END_NAMESPACE
