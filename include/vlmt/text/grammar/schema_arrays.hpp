// Arrays of JSON Schemas.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/schema_compiler.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

#if VLMT_HAS_BODIES

/// One state for each number of items so far, and of items that `contains` counts.
class ArrayCompiler {
 public:
  ArrayCompiler(SchemaCompiler& compiler, Nfa& nfa, const Alternative& a) : c_(compiler), nfa_(nfa), a_(a) {
    for (const Json* s : a.schemas) {
      min_ = std::max(min_, c_.document().count(*s, "minItems"));
      max_ = std::min(max_, c_.document().count(*s, "maxItems", unbounded));
      if (const Json* prefix = s->find("prefixItems")) prefix_ = std::max(prefix_, prefix->items.size());
      if (const Json* contains = s->find("contains")) add_contains(*s, *contains);
    }
    for (const Json* s : a.schemas) {
      const Json* unique = s->find("uniqueItems");
      if (unique != nullptr && unique->boolean && max_ > 1) {
        c_.document().unsupported(*s, "uniqueItems", "of arrays with more than one item");
      }
    }
    const std::size_t repeats = c_.budget().limits().repeats;
    const auto check = [&](std::size_t n, const char* what) {
      Budget::check(n, repeats, what, c_.document().path(*a.schemas[0]));
    };
    if (min_ > 0) check(min_, "minItems");
    if (max_ != unbounded && max_ > 0 && !a.schemas.empty()) check(max_, "maxItems");
    last_ = max_ != unbounded ? max_ : std::max({min_, static_cast<std::uint32_t>(prefix_), 1u});
  }

  void build() {
    const std::uint32_t end = nfa_.state();
    const std::uint32_t open = c_.text().open(nfa_, Nfa::start, '[');
    const std::uint32_t close = c_.text().close(nfa_, end, ']');
    nfa_.empty(close, Nfa::accept);
    state({0, 0}, open);
    if (min_ == 0 && needed_ == 0) nfa_.bytes(open, ']', ']', Nfa::accept);
    for (std::size_t n = 0; n < order_.size(); ++n) {
      const auto [items, counted] = order_[n];
      const std::uint32_t from = states_.at({items, counted});
      if (items > 0 && items >= min_ && counted >= needed_) nfa_.empty(from, end);
      if (items >= max_) continue;
      const std::uint32_t at = items > 0 ? c_.text().comma(nfa_, from) : from;
      const std::uint32_t next = std::min(items + 1, last_);
      const auto write = [&](const Json* more, std::uint32_t count) {
        Conjunction schemas = item(items);
        if (more != nullptr) schemas.push_back(more);
        nfa_.call(at, c_.rule(std::move(schemas)), state({next, count}));
      };
      write(other_, counted);
      if (contains_ != nullptr && counted < (other_ != nullptr ? counted_ : needed_)) write(contains_, counted + 1);
    }
  }

 private:
  static constexpr std::uint32_t unbounded = 0xFFFFFFFF;
  using Key = std::pair<std::uint32_t, std::uint32_t>;

  void add_contains(const Json& schema, const Json& contains) {
    const std::uint32_t needed = c_.document().count(schema, "minContains", 1);
    const std::uint32_t most = c_.document().count(schema, "maxContains", unbounded);
    if (needed == 0 && most == unbounded) return;
    if (contains_ != nullptr) c_.document().unsupported(schema, "contains", "more than one");
    Budget::check(needed, c_.budget().limits().repeats, "minContains", c_.document().path(schema));
    contains_ = &contains;
    needed_ = needed;
    if (most == unbounded) return;
    Budget::check(most, c_.budget().limits().repeats, "maxContains", c_.document().path(schema));
    counted_ = most;
    other_ = &c_.alternatives().negation(contains, schema, "maxContains");
  }

  Conjunction item(std::uint32_t index) const {
    Conjunction out;
    for (const Json* s : a_.schemas) {
      const Json *prefix = s->find("prefixItems"), *items = s->find("items");
      if (prefix != nullptr && index < prefix->items.size()) {
        out.push_back(&prefix->items[index]);
      } else if (items != nullptr) {
        out.push_back(items);
      }
    }
    return out;
  }

  std::uint32_t state(Key key, std::uint32_t known = 0) {
    const auto [at, inserted] = states_.try_emplace(key, known);
    if (inserted) {
      if (known == 0) at->second = nfa_.state();
      order_.push_back(key);
    }
    return at->second;
  }

  SchemaCompiler& c_;
  Nfa& nfa_;
  const Alternative& a_;
  std::uint32_t min_ = 0, max_ = unbounded, needed_ = 0, last_ = 0;
  std::size_t prefix_ = 0;
  std::uint32_t counted_ = 0;  // with maxContains: items counted at most
  const Json* contains_ = nullptr;
  const Json* other_ = nullptr;  // with maxContains: what an item is that does not count
  std::map<Key, std::uint32_t> states_;
  std::vector<Key> order_;
};

VLMT_BODY void add_arrays(SchemaCompiler& compiler, Nfa& nfa, const Alternative& a) {
  ArrayCompiler(compiler, nfa, a).build();
}

#endif

}  // namespace grammar

VLMT_END_NAMESPACE
