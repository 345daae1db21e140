// The syntax tree of a chat template.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

struct Node {
  enum class Op : std::uint8_t {
    // Expressions. `kids` are the operands; absent ones are null.
    constant,       // value
    name,           // name
    list,           // items
    tuple,          // items
    dict,           // key, value, key, value
    attribute,      // object; name
    item,           // object, index
    slice,          // object, from, to, step
    call,           // function, arguments; the last ones are those that `names` names
    filter,         // input, arguments likewise; name
    test,           // input, arguments likewise; name
    logical_not,    // operand
    logical_and,    // left, right
    logical_or,     // left, right
    minus,          // operand
    plus,           // operand
    compare,        // operands; `names` holds the operators between them
    arithmetic,     // left, right; name is the operator
    concatenation,  // operands
    condition,      // condition, value, other value
    // Statements.
    text,          // value
    output,        // expression
    if_else,       // conditions of `branches`; `body` is the else branch
    for_each,      // target, items, condition; body, other; flag: recursive
    set,           // target, value
    set_block,     // target, filters; body
    macro,         // defaults of the last of `names`; name, body
    call_block,    // call, macro
    filter_block,  // filters; body
    with,          // target, value, target, value; body
    scope,         // body
    loop_break,
    loop_continue
  };
  using List = std::vector<const Node*>;

  Op op = Op::constant;
  bool flag = false;
  std::uint32_t line = 0;
  std::uint32_t depth = 1;  ///< of the expression
  std::string_view name = {};
  Value value = {};
  List kids = {};
  std::vector<std::string_view> names = {};
  List body = {};
  List other = {};
  std::vector<List> branches = {};
};

/// A template that was read. Its nodes point into it.
struct Program {
  std::string source;
  std::deque<std::string> strings;
  std::deque<Node> nodes;  // one owner, so that freeing never recurses
  Node::List body;
};

}  // namespace jinja

VLMT_END_NAMESPACE
