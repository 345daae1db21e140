// Makes the syntax tree of a chat template, by Jinja2's grammar.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/expression_parser.hpp"
#include "vlmt/text/jinja/syntax.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

class Parser : private ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  void parse() {
    program_->body = body({});
    if (!now().is(Kind::end)) fail("a tag without its beginning", "the end of the template");
  }

 private:
  // Up to a tag of one of these names, whose '{%' is read and whose name is not.
  Node::List body(Names ends) {
    const Level level(*this);
    Node::List out;
    while (!now().is(Kind::end)) {
      const Token& t = next();
      if (t.is(Kind::data)) {
        Node* n = make(Op::text, t.line);
        n->value = t.text;
        out.push_back(n);
      } else if (t.is(Kind::variable_begin)) {
        out.push_back(make(Op::output, t.line, {tuple(true)}));
        if (!now().is(Kind::variable_end)) fail("an expression does not end", "'}}'");
        next();
      } else {
        if (!now().is(Kind::name)) fail("a tag without a name", "a statement");
        for (const std::string_view end : ends) {
          if (now().is_name(end)) return out;
        }
        out.push_back(statement());
      }
    }
    if (ends.size() != 0) {
      std::string expected;
      for (const std::string_view end : ends) expected += (expected.empty() ? "'" : " or '") + std::string(end) + "'";
      fail("a block does not end", expected);
    }
    return out;
  }
  // The same with the tag that ends the block.
  Node::List body_to(std::string_view end) {
    Node::List out = body({end});
    next();
    expect_block_end();
    return out;
  }

  const Node* statement() {
    const Token& t = next();
    const std::string_view name = t.text;
    if (name == "if") return if_else(t.line);
    if (name == "for") return for_each(t.line);
    if (name == "set") return set(t.line);
    if (name == "macro") return macro(t.line);
    if (name == "call") return call_block(t.line);
    if (name == "with") return with(t.line);
    if (name == "filter") {
      Node* n = make(Op::filter_block, t.line, {filters(nullptr, true)});
      expect_block_end();
      n->body = body_to("endfilter");
      return n;
    }
    if (name == "generation") {
      Node* n = make(Op::scope, t.line);
      expect_block_end();
      n->body = body_to("endgeneration");
      return n;
    }
    if (name == "break" || name == "continue") {
      if (loops_ == 0) fail_at(t.line, "a loop statement outside of a loop", "a for block", std::string(name));
      expect_block_end();
      return make(name == "break" ? Op::loop_break : Op::loop_continue, t.line);
    }
    --at_;
    fail("a tag that is not known here",
         "if, for, set, macro, call, filter, with, generation, break or continue, or the end of a block");
  }

  const Node* if_else(std::size_t line) {
    Node* n = make(Op::if_else, line);
    while (true) {
      n->kids.push_back(tuple(false));
      expect_block_end();
      n->branches.push_back(body({"elif", "else", "endif"}));
      const std::string_view end = next().text;
      if (end == "elif") continue;
      expect_block_end();
      if (end == "else") n->body = body_to("endif");
      return measure(n);
    }
  }

  const Node* for_each(std::size_t line) {
    const Node* to = target({"in"});
    if (!skip_name("in")) fail("a bad for", "'in'");
    const Node* items = tuple(false, {"recursive", "if"});
    const Node* condition = nullptr;
    if (skip_name("if")) condition = expression();
    Node* n = make(Op::for_each, line, {to, items, condition});
    n->flag = skip_name("recursive");
    expect_block_end();
    ++loops_;
    n->body = body({"endfor", "else"});
    --loops_;
    if (next().text == "endfor") {
      expect_block_end();
    } else {
      expect_block_end();
      n->other = body_to("endfor");
    }
    return n;
  }

  const Node* set(std::size_t line) {
    const Node* to = target({});
    if (skip_op("=")) {
      Node* n = make(Op::set, line, {to, tuple(true)});
      expect_block_end();
      return n;
    }
    const Node* chain = now().is_op("|") ? filters(nullptr, false) : nullptr;
    if (!now().is(Kind::block_end)) fail("a bad set", "'=' or '%}'");
    next();
    Node* n = make(Op::set_block, line, {to, chain});
    n->body = body_to("endset");
    return n;
  }

  // What a for or a set assigns to: names, attributes of namespaces, and tuples of them.
  const Node* target(Names ends) {
    const Level level(*this);
    const std::size_t line = now().line;
    Node::List parts;
    bool comma = false;
    while (true) {
      if (now().is_op("(")) {
        next();
        parts.push_back(target({}));
        expect_op(")");
      } else {
        if (std::find_if(ends.begin(), ends.end(), [&](auto e) { return now().is_name(e); }) != ends.end()) break;
        if (!now().is(Kind::name)) {
          if (comma) break;
          fail("nothing to assign to", "a name");
        }
        const Token& t = next();
        if (is_word(t.text)) fail_at(t.line, "a word of the language cannot be assigned to", "a name", t.shown());
        Node* n = make(Op::name, t.line);
        n->name = t.text;
        if (skip_op(".")) {
          n = make(Op::attribute, t.line, {n});
          n->name = expect_name("an attribute of a namespace");
        }
        parts.push_back(n);
      }
      if (!skip_op(",")) break;
      comma = true;
    }
    if (parts.empty()) fail("nothing to assign to", "a name");
    return comma ? make(Op::tuple, line, std::move(parts)) : parts[0];
  }

  static bool is_word(std::string_view name) noexcept {
    for (const std::string_view w :
         {"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"}) {
      if (name == w) return true;
    }
    return false;
  }

  // "(a, b=1)" of a macro or call into names and kids.
  void parameters(Node* n) {
    expect_op("(");
    while (!skip_op(")")) {
      if (!n->names.empty()) expect_op(",");
      if (n->names.empty() || !now().is_op(")")) {
        n->names.push_back(expect_name("a parameter"));
        if (skip_op("=")) {
          n->kids.push_back(expression());
        } else if (!n->kids.empty()) {
          fail("a parameter without a default after one that has one", "'='");
        }
      }
    }
    measure(n);
  }

  const Node* macro(std::size_t line) {
    Node* n = make(Op::macro, line);
    n->name = expect_name("the name of the macro");
    parameters(n);
    expect_block_end();
    const std::size_t loops = std::exchange(loops_, 0);
    n->body = body_to("endmacro");
    loops_ = loops;
    return n;
  }

  const Node* call_block(std::size_t line) {
    Node* caller = make(Op::macro, line);
    caller->name = "caller";
    if (now().is_op("(")) parameters(caller);
    const Node* call = expression();
    if (call->op != Op::call) fail_at(line, "a bad call block", "a call");
    expect_block_end();
    const std::size_t loops = std::exchange(loops_, 0);
    caller->body = body_to("endcall");
    loops_ = loops;
    return make(Op::call_block, line, {call, caller});
  }

  const Node* with(std::size_t line) {
    Node* n = make(Op::with, line);
    while (!now().is(Kind::block_end)) {
      if (!n->kids.empty()) expect_op(",");
      n->kids.push_back(target({}));
      expect_op("=");
      n->kids.push_back(expression());
    }
    expect_block_end();
    n->body = body_to("endwith");
    return measure(n);
  }

  std::size_t loops_ = 0;  // around the statement
};

}  // namespace jinja

VLMT_END_NAMESPACE
