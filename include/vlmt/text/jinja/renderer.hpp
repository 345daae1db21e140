// Walks the syntax tree of a chat template and writes its output.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/access.hpp"
#include "vlmt/text/jinja/filters.hpp"
#include "vlmt/text/jinja/globals.hpp"
#include "vlmt/text/jinja/operators.hpp"
#include "vlmt/text/jinja/python_text.hpp"
#include "vlmt/text/jinja/syntax.hpp"
#include "vlmt/text/jinja/tests.hpp"
#include "vlmt/text/jinja/value.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

class Renderer {
 public:
  Renderer(const Program& program, Heap& heap, const std::tm& now) : program_(program), heap_(heap), now_(now) {}

  std::string render(const std::vector<std::pair<std::string_view, Value>>& variables) {
    scope_ = heap_.make<Scope>(nullptr);
    for (const std::string_view name : {"range", "dict", "namespace", "raise_exception", "strftime_now"}) {
      Function* f = heap_.make<Function>();
      f->name = name;
      scope_->set(name, static_cast<const Function*>(f));
    }
    for (const auto& [name, value] : variables) scope_->set(name, value);
    std::string out;
    out_ = &out;
    run(program_.body);
    return out;
  }

 private:
  using Op = Node::Op;
  /// What follows a statement: the next one, or the end of a loop's round.
  enum class Flow : std::uint8_t { next, loop_break, loop_continue };

  void emit(std::string_view text) {
    if (text.size() > heap_.limits().output_bytes - out_->size()) {
      heap_.fail("the output is too long", "at most " + std::to_string(heap_.limits().output_bytes) + " bytes");
    }
    heap_.take(text.size());
    *out_ += text;
  }
  void print(const Value& v) {
    if (const auto* text = as_text(v)) return emit(*text);
    emit(to_text(heap_, v));
  }

  Flow run(const Node::List& statements) {
    for (const Node* n : statements) {
      if (const Flow flow = run(*n); flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow run(const Node& n) {
    const Depth level(heap_, depth_);
    heap_.step();
    heap_.line = n.line;
    switch (n.op) {
      case Op::text:
        emit(std::get<std::string_view>(n.value));
        break;
      case Op::output:
        print(evaluate(*n.kids[0]));
        break;
      case Op::if_else:
        for (std::size_t i = 0; i < n.kids.size(); ++i) {
          if (is_true(evaluate(*n.kids[i]))) return run(n.branches[i]);
        }
        return run(n.body);
      case Op::for_each:
        return for_each(n, evaluate(*n.kids[1]), scope_, 0);
      case Op::set:
        assign(*n.kids[0], evaluate(*n.kids[1]));
        break;
      case Op::set_block:
        set_block(n);
        break;
      case Op::macro:
        scope_->set(n.name, macro(n));
        break;
      case Op::call_block:
        print(call(*n.kids[0], n.kids[1]));
        break;
      case Op::filter_block:
        print(filtered(*n.kids[0], captured(n.body)));
        break;
      case Op::with:
        with(n);
        break;
      case Op::scope: {
        const Inside inside(*this, scope_);
        return run(n.body);
      }
      case Op::loop_break:
        return Flow::loop_break;
      case Op::loop_continue:
        return Flow::loop_continue;
      default:
        heap_.fail("an expression without a tag");
    }
    return Flow::next;
  }

  // A new scope for as long as this lives.
  struct Inside {
    Inside(Renderer& r, Scope* parent) : renderer(r), before(r.scope_) { r.scope_ = r.heap_.make<Scope>(parent); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { renderer.scope_ = before; }
    Renderer& renderer;
    Scope* before;
  };

  // What f writes, as a text.
  template <class F>
  Value capture(F&& f) {
    std::string text;
    std::string* before = std::exchange(out_, &text);
    try {
      f();
    } catch (...) {
      out_ = before;
      throw;
    }
    out_ = before;
    return std::string_view(heap_.make<Text>(std::move(text))->text);
  }
  Value captured(const Node::List& body) {
    return capture([&] {
      const Inside inside(*this, scope_);
      run(body);
    });
  }

  void set_block(const Node& n) {
    Value v = captured(n.body);
    if (n.kids[1] != nullptr) v = filtered(*n.kids[1], v);
    assign(*n.kids[0], v);
  }

  void with(const Node& n) {
    std::vector<Value> values;
    for (std::size_t i = 1; i < n.kids.size(); i += 2) values.push_back(evaluate(*n.kids[i]));
    const Inside inside(*this, scope_);
    for (std::size_t i = 0; i < values.size(); ++i) assign(*n.kids[2 * i], values[i]);
    run(n.body);
  }

  void assign(const Node& target, const Value& v) {
    const Depth level(heap_, depth_);
    heap_.line = target.line;
    if (target.op == Op::name) {
      heap_.take(sizeof(Value));
      scope_->set(target.name, v);
      return;
    }
    if (target.op == Op::attribute) {
      const Value object = evaluate(*target.kids[0]);
      auto* const* space = std::get_if<Namespace*>(&object);
      if (space == nullptr) heap_.fail("only a namespace has attributes to set", "a namespace", type_name(object));
      return set_attribute(heap_, **space, target.name, v);
    }
    const std::vector<Value> items = items_of(heap_, v);
    if (items.size() != target.kids.size()) {
      heap_.fail("a bad number of values", std::to_string(target.kids.size()), std::to_string(items.size()));
    }
    for (std::size_t i = 0; i < items.size(); ++i) assign(*target.kids[i], items[i]);
  }

  Flow for_each(const Node& n, const Value& over, Scope* outer, std::size_t depth) {
    std::vector<Value> items = items_of(heap_, over);
    if (n.kids[2] != nullptr) {
      std::vector<Value> some;
      for (const Value& v : items) {
        const Inside inside(*this, outer);
        assign(*n.kids[0], v);
        if (is_true(evaluate(*n.kids[2]))) some.push_back(v);
      }
      items = std::move(some);
    }
    if (items.empty()) {
      const Inside inside(*this, outer);
      return run(n.other);
    }
    Loop* loop = heap_.make<Loop>();
    loop->items = std::move(items);
    loop->depth = depth;
    loop->node = &n;
    loop->scope = outer;
    for (; loop->items.size() > loop->index; ++loop->index) {
      heap_.step();
      const Inside inside(*this, outer);
      scope_->set("loop", loop);
      assign(*n.kids[0], loop->items[loop->index]);
      if (run(n.body) == Flow::loop_break) break;
    }
    return Flow::next;
  }

  Value evaluate(const Node& n) {
    const Depth level(heap_, depth_);
    heap_.step();
    heap_.line = n.line;
    switch (n.op) {
      case Op::constant:
        return n.value;
      case Op::name:
        return variable(n.name);
      case Op::logical_not:
        return !is_true(evaluate(*n.kids[0]));
      case Op::logical_and:
      case Op::logical_or: {
        const Value left = evaluate(*n.kids[0]);
        return is_true(left) == (n.op == Op::logical_or) ? left : evaluate(*n.kids[1]);
      }
      case Op::condition:
        if (is_true(evaluate(*n.kids[0]))) return evaluate(*n.kids[1]);
        return n.kids[2] == nullptr ? Value() : evaluate(*n.kids[2]);
      case Op::call:
        return call(n, nullptr);
      case Op::filter:
        return filtered(n, evaluate(*n.kids[0]));
      default:
        return compound(n);
    }
  }

  Value compound(const Node& n) {
    if (n.op == Op::test) {
      const Value v = evaluate(*n.kids[0]);
      const Arguments a = arguments(n);
      return passes(heap_, n.name, v, a);
    }
    if (n.op == Op::compare) return compared(n);
    std::vector<Value> kids;
    for (const Node* kid : n.kids) kids.push_back(kid == nullptr ? Value() : evaluate(*kid));
    heap_.line = n.line;
    switch (n.op) {
      case Op::list:
      case Op::tuple:
        return heap_.list(std::move(kids), n.op == Op::tuple);
      case Op::dict:
        return dict_of(heap_, kids);
      case Op::attribute:
        return attribute(n, kids[0]);
      case Op::item:
        return item_of(heap_, kids[0], kids[1]);
      case Op::slice:
        return slice(heap_, kids[0], kids[1], kids[2], kids[3]);
      case Op::minus:
        if (const auto* x = std::get_if<double>(&kids[0])) return -*x;
        return arithmetic(heap_, "-", std::int64_t{0}, kids[0]);
      case Op::plus:
        if (!as_number(kids[0])) heap_.fail("'+' needs a number", "a number", type_name(kids[0]));
        return kids[0];
      case Op::arithmetic:
        return arithmetic(heap_, n.name, kids[0], kids[1]);
      case Op::concatenation: {
        std::string text;
        for (const Value& v : kids) {
          const std::string_view part = text_of(heap_, v);
          heap_.take(part.size());
          text += part;
        }
        return std::string_view(heap_.make<Text>(std::move(text))->text);
      }
      default:
        heap_.fail("a statement without its tag");
    }
  }

  Value variable(std::string_view name) {
    for (const Scope* s = scope_; s != nullptr; s = s->parent) {
      heap_.step(1 + s->names.size() / 16);
      if (const Value* v = s->find(name)) return *v;
    }
    return {};
  }

  Value attribute(const Node& n, const Value& object) {
    if (is_undefined(object)) {
      heap_.fail(shown(*n.kids[0]) + " is undefined", "a value with the attribute `" + std::string(n.name) + "`");
    }
    return attribute_of(heap_, object, n.name);
  }

  // A name or what else was undefined, for messages.
  static std::string shown(const Node& n) {
    if (n.op != Op::name && n.op != Op::attribute) return "the value";
    return "`" + std::string(n.name) + "`";
  }

  Value compared(const Node& n) {
    Value left = evaluate(*n.kids[0]);
    for (std::size_t i = 1; i < n.kids.size(); ++i) {
      const Value right = evaluate(*n.kids[i]);
      heap_.line = n.line;
      if (!compare(heap_, n.names[i - 1], left, right)) return false;
      left = right;
    }
    return true;
  }

  Value filtered(const Node& n, Value v) {
    const Depth level(heap_, depth_);
    // In a block the innermost filter has no input of its own.
    if (n.kids[0] != nullptr && n.kids[0]->op == Op::filter && is_block_chain(*n.kids[0])) v = filtered(*n.kids[0], v);
    const Arguments a = arguments(n);
    heap_.line = n.line;
    return Filter(heap_, n.name, a).apply(v);
  }
  static bool is_block_chain(const Node& n) noexcept {
    const Node* at = &n;
    while (at != nullptr && at->op == Op::filter) at = at->kids[0];
    return at == nullptr;
  }

  // The arguments in kids[1] and after.
  Arguments arguments(const Node& n) {
    Arguments a;
    const std::size_t named = n.kids.size() - n.names.size();
    for (std::size_t i = 1; i < n.kids.size(); ++i) {
      const Value v = evaluate(*n.kids[i]);
      if (i < named) {
        a.list.push_back(v);
      } else {
        a.named.emplace_back(n.names[i - named], v);
      }
    }
    return a;
  }

  Value call(const Node& n, const Node* caller) {
    const Node& function = *n.kids[0];
    Value self, f;
    bool method = false;
    if (function.op == Op::attribute) {
      self = evaluate(*function.kids[0]);
      heap_.line = n.line;
      method = Method::exists(self, function.name);
      if (!method) f = attribute(function, self);
    } else {
      f = evaluate(function);
    }
    Arguments a = arguments(n);
    if (caller != nullptr) a.named.emplace_back("caller", macro(*caller));
    heap_.line = n.line;
    if (method) return Method(heap_, function.name, a).call(self);
    if (const auto* g = std::get_if<const Function*>(&f)) return invoke(**g, a);
    if (auto* const* loop = std::get_if<Loop*>(&f)) return recurse(**loop, a);
    const char* what = is_undefined(f) ? " is undefined" : " is no function";
    heap_.fail(shown(function) + what, "a function, a macro or a method that a template may call");
  }

  Value invoke(const Function& f, const Arguments& a) {
    const Depth level(heap_, depth_);
    switch (f.kind) {
      case Function::Kind::method:
        return Method(heap_, f.name, a).call(f.self);
      case Function::Kind::macro:
        return run_macro(f, a);
      case Function::Kind::loop:
        return loop_function(heap_, *std::get<Loop*>(f.self), f.name, a);
      case Function::Kind::global:
        break;
    }
    return call_global(heap_, f.name, a, now_);
  }

  Value macro(const Node& n) {
    Function* f = heap_.make<Function>();
    f->kind = Function::Kind::macro;
    f->name = n.name;
    f->macro = &n;
    f->scope = scope_;
    return static_cast<const Function*>(f);
  }

  Value run_macro(const Function& f, const Arguments& a) {
    const Node& n = *f.macro;
    const bool takes_more = program_.source.find("varargs") != std::string::npos;
    if (a.list.size() > n.names.size() && !takes_more) {
      heap_.fail("`" + std::string(f.name) + "` has too many arguments", "at most " + std::to_string(n.names.size()),
                 std::to_string(a.list.size()));
    }
    const Inside inside(*this, f.scope);
    for (std::size_t i = 0; i < n.names.size() && i < a.list.size(); ++i) scope_->set(n.names[i], a.list[i]);
    if (a.list.size() > n.names.size()) {
      const auto first = a.list.begin() + static_cast<std::ptrdiff_t>(n.names.size());
      scope_->set("varargs", heap_.list({first, a.list.end()}, true));
    }
    std::vector<std::pair<Value, Value>> others;
    for (const auto& [name, value] : a.named) {
      if (name == "caller" || std::find(n.names.begin(), n.names.end(), name) != n.names.end()) {
        scope_->set(name, value);
      } else {
        others.emplace_back(name, value);
      }
    }
    if (!others.empty()) {
      if (program_.source.find("kwargs") == std::string::npos) {
        heap_.fail("`" + std::string(f.name) + "` has no parameter of that name", {},
                   "`" + std::string(std::get<std::string_view>(others[0].first)) + "`");
      }
      scope_->set("kwargs", heap_.dict(std::move(others)));
    }
    for (std::size_t i = 0; i < n.names.size(); ++i) {
      if (scope_->find(n.names[i]) != nullptr) continue;
      const std::size_t without = n.names.size() - n.kids.size();
      scope_->set(n.names[i], i < without ? Value() : evaluate(*n.kids[i - without]));
    }
    return capture([&] { run(n.body); });
  }

  // loop(items) in a recursive for.
  Value recurse(Loop& loop, const Arguments& a) {
    const Depth level(heap_, depth_);
    if (!loop.node->flag) heap_.fail("the loop is not recursive", "for ... recursive");
    return capture([&] { for_each(*loop.node, a.get(0, "iterable"), loop.scope, loop.depth + 1); });
  }

  const Program& program_;
  Heap& heap_;
  std::tm now_;
  Scope* scope_ = nullptr;
  std::string* out_ = nullptr;
  std::size_t depth_ = 0;
};

}  // namespace jinja

VLMT_END_NAMESPACE
