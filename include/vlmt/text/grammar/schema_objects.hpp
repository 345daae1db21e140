// Objects of JSON Schemas.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/schema_compiler.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

#if VLMT_HAS_BODIES

/// Properties in the order of the schema, or in any order, and others after or among them. A state is what was written
/// so far, as far as keywords ask for it.
class ObjectCompiler {
 public:
  ObjectCompiler(SchemaCompiler& compiler, Nfa& nfa) : c_(compiler), nfa_(nfa) {}

  void add(const Alternative& a) {
    a_ = &a;
    for (const Json* s : a.schemas) read(*s);
    for (const Json* s : a.schemas) read_dependent(*s);
    add_others();
    if (min_ > 1 && !others_.empty()) {
      c_.document().unsupported(*min_schema_, "minProperties", "above 1 where other names are allowed");
    }
    build();
  }

  /// An object with exactly these members.
  void add(const Json& object) {
    for (std::size_t i = 0; i < object.keys.size(); ++i) {
      properties_.push_back({.name = object.keys[i], .value = &object.items[i], .required = true});
    }
    build();
  }

 private:
  static constexpr std::uint32_t unbounded = 0xFFFFFFFF;
  struct Property {
    std::string name;
    Conjunction schemas = {};
    const Json* value = nullptr;  ///< exactly this one
    bool required = false, allowed = true;
    std::vector<std::size_t> needs = {};  ///< properties that must be there, too
  };
  struct Other {
    std::uint32_t name, value;  ///< rules
  };
  struct Key {
    std::uint32_t next = 0;   // given order: properties before it are settled
    std::uint64_t seen = 0;   // bits of properties that were written, if it matters
    std::uint32_t count = 0;  // properties written, if it matters
    bool first = true;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  bool any_order() const noexcept { return c_.options().order == PropertyOrder::any; }

  void read(const Json& s) {
    const std::uint32_t min = c_.document().count(s, "minProperties");
    if (min > min_) {
      min_ = min;
      min_schema_ = &s;
    }
    max_ = std::min(max_, c_.document().count(s, "maxProperties", unbounded));
    if (const Json* listed = s.find("properties")) {
      for (const std::string& name : listed->keys) property(name);
    }
    if (const Json* required = s.find("required")) {
      for (const Json& name : required->items) property(name.text).required = true;
    }
    if (const Json* dependent = s.find("dependentRequired")) {
      for (std::size_t i = 0; i < dependent->keys.size(); ++i) {
        property(dependent->keys[i]);
        for (const Json& name : dependent->items[i].items) property(name.text);
      }
    }
  }

  Property& property(const std::string& name) {
    c_.budget().steps();
    const auto [at, inserted] = find_.try_emplace(name, properties_.size());
    if (inserted) {
      Property p{.name = name, .schemas = c_.alternatives().property(a_->schemas, name)};
      const auto forbids = [](const Json* s) { return s->is(Json::Kind::boolean) && !s->boolean; };
      p.allowed = std::none_of(p.schemas.begin(), p.schemas.end(), forbids) && name_allowed(name) && !closed(name);
      properties_.push_back(std::move(p));
    }
    return properties_[at->second];
  }

  bool name_allowed(const std::string& name) {
    return std::all_of(a_->schemas.begin(), a_->schemas.end(), [&](const Json* s) {
      const Json* names = s->find("propertyNames");
      return names == nullptr || c_.validator().valid(*names, {.kind = Json::Kind::string, .text = name});
    });
  }

  // Whether an object that lists its properties is closed by option and has no such name.
  bool closed(const std::string& name) const {
    if (!closes()) return false;
    return std::none_of(a_->schemas.begin(), a_->schemas.end(), [&](const Json* s) {
      const Json* listed = s->find("properties");
      return listed != nullptr && listed->find(name) != nullptr;
    });
  }
  bool closes() const {
    if (!c_.options().closed_objects) return false;
    bool lists = false;
    for (const Json* s : a_->schemas) {
      if (s->find("additionalProperties") != nullptr || s->find("patternProperties") != nullptr) return false;
      lists = lists || s->find("properties") != nullptr;
    }
    return lists;
  }

  void read_dependent(const Json& s) {
    const Json* dependent = s.find("dependentRequired");
    if (dependent == nullptr) return;
    for (std::size_t i = 0; i < dependent->keys.size(); ++i) {
      Property& p = properties_[find_.at(dependent->keys[i])];
      for (const Json& name : dependent->items[i].items) {
        p.needs.push_back(find_.at(name.text));
        dependent_ = true;
      }
    }
  }

  // Names that are not listed, by the patterns that they match.
  void add_others() {
    if (closes()) return;
    struct Pattern {
      const Json* schema;
      const Json* value;
      Dfa content;
    };
    std::vector<Pattern> patterns;
    for (const Json* s : a_->schemas) {
      const Json* p = s->find("patternProperties");
      for (std::size_t i = 0; p != nullptr && i < p->keys.size(); ++i) {
        constexpr std::size_t most = 4;
        if (patterns.size() == most) c_.document().unsupported(*s, "patternProperties", "more than four patterns");
        patterns.push_back(
            {s, &p->items[i],
             regex_dfa(p->keys[i], c_.document().path(*s) + "/patternProperties", Spelling::json, true, c_.budget())});
      }
    }
    std::optional<Dfa> names = other_names();
    for (std::size_t matched = 0; matched < std::size_t{1} << patterns.size(); ++matched) {
      Conjunction value;
      std::set<const Json*> known;
      std::optional<Dfa> content = names;
      for (std::size_t i = 0; i < patterns.size(); ++i) {
        const bool match = (matched >> i & 1) != 0;
        if (match) {
          value.push_back(patterns[i].value);
          known.insert(patterns[i].schema);
        }
        content = product(content ? *content : c_.text().plain(), patterns[i].content, !match, c_.budget());
      }
      bool allowed = true;
      for (const Json* s : a_->schemas) {
        const Json* others = s->find("additionalProperties");
        if (others != nullptr && !known.contains(s)) value.push_back(others);
      }
      for (const Json* s : value) allowed = allowed && !(s->is(Json::Kind::boolean) && !s->boolean);
      if (!allowed || (content && content->states.empty())) continue;
      const std::uint32_t longest = c_.options().name_length;
      const std::uint32_t name = content ? c_.text().string(*content, longest) : c_.text().free_string(0, longest);
      others_.push_back({name, c_.rule(std::move(value))});
    }
  }

  // The content of names that are not listed; nothing if it is any.
  std::optional<Dfa> other_names() {
    std::optional<Dfa> content;
    Conjunction rules;
    for (const Json* s : a_->schemas) {
      if (const Json* names = s->find("propertyNames")) rules.push_back(names);
    }
    if (!rules.empty()) content = names_of(rules);
    std::vector<std::string> listed;
    for (const Property& p : properties_) listed.push_back(p.name);
    if (listed.empty()) return content;
    return difference(content ? *content : c_.text().plain(), c_.text().one_of(listed), c_.budget());
  }

  // The content of strings that satisfy schemas.
  Dfa names_of(const Conjunction& schemas) {
    Nfa nfa(c_.budget());
    nfa.set_boundary(Nfa::start);
    for (const Alternative& a : c_.alternatives().of(schemas)) {
      if ((a.types & type_string) == 0) continue;
      if (a.listed) {
        for (const Json* v : a.values) {
          if (v->is(Json::Kind::string)) nfa.empty(nfa.literal(Nfa::start, json_content(v->text)), Nfa::accept);
        }
        continue;
      }
      SchemaCompiler::Strings s = c_.strings(a, c_.options().name_length);
      Dfa content =
          s.content ? std::move(*s.content) : c_.text().at_least(std::min(s.min, c_.options().name_length + 1));
      if (s.max < c_.options().name_length) {
        content = difference(content, c_.text().at_least(s.max + 1), c_.budget());
      }
      embed(nfa, Nfa::start, content, Nfa::accept);
    }
    return determinise(nfa);
  }

  void build() {
    constexpr std::size_t most = 12;
    if (any_order()) Budget::check(properties_.size(), most, "properties of an object in any order", where());
    if (dependent_) Budget::check(properties_.size(), 64, "properties of an object with dependentRequired", where());
    const std::uint32_t open = c_.text().open(nfa_, Nfa::start, '{');
    const std::uint32_t end = nfa_.state();
    nfa_.empty(c_.text().close(nfa_, end, '}'), Nfa::accept);
    state({}, open);
    for (std::size_t n = 0; n < order_.size(); ++n) {
      const Key key = order_[n];
      const std::uint32_t from = states_.at(key);
      if (complete(key)) {
        if (key.first) {
          nfa_.bytes(from, '}', '}', Nfa::accept);
        } else {
          nfa_.empty(from, end);
        }
      }
      if (any_order()) {
        for (std::size_t i = 0; i < properties_.size(); ++i) {
          if ((key.seen >> i & 1) == 0) write(key, from, i);
        }
        write_others(key, from);
      } else if (key.next < properties_.size()) {
        const Property& p = properties_[key.next];
        write(key, from, key.next);
        Key skipped = key;
        ++skipped.next;
        if (!p.required) nfa_.empty(from, state(skipped));
      } else {
        write_others(key, from);
      }
    }
  }

  std::string where() const {
    return a_ == nullptr || a_->schemas.empty() ? std::string() : c_.document().path(*a_->schemas[0]);
  }

  // Whether the object may end here.
  bool complete(const Key& key) const {
    if (key.count < min_ || (!any_order() && key.next < properties_.size())) return false;
    for (std::size_t i = 0; i < properties_.size(); ++i) {
      const bool written = (key.seen >> i & 1) != 0;
      if (any_order() && properties_[i].required && !written) return false;
      if (!dependent_ || !written) continue;
      for (const std::size_t needed : properties_[i].needs) {
        if ((key.seen >> needed & 1) == 0) return false;
      }
    }
    return true;
  }

  std::optional<Key> count(Key key) const {
    key.first = false;
    if (max_ != unbounded) {
      if (key.count >= max_) return std::nullopt;
      ++key.count;
    } else {
      key.count = std::min(key.count + 1, min_);
    }
    return key;
  }

  std::uint32_t begin(const Key& key, std::uint32_t from) { return key.first ? from : c_.text().comma(nfa_, from); }

  void write(const Key& key, std::uint32_t from, std::size_t i) {
    const Property& p = properties_[i];
    auto next = count(key);
    if (!p.allowed || !next) return;
    if (any_order() || dependent_) next->seen |= std::uint64_t{1} << i;
    if (!any_order()) ++next->next;
    const std::uint32_t at = begin(key, from), to = state(*next);
    if (any_order()) {
      nfa_.call(at, member_rule(p), to);
    } else {
      write_member(nfa_, at, p, to);
    }
  }

  void write_member(Nfa& nfa, std::uint32_t from, const Property& p, std::uint32_t to) {
    const std::uint32_t name = c_.text().colon(nfa, SchemaText::string(nfa, from, p.name));
    if (p.value == nullptr) {
      nfa.call(name, c_.rule(p.schemas), to);
    } else {
      nfa.empty(c_.text().value(nfa, name, *p.value), to);
    }
  }

  // In any order a property is written from many states.
  std::uint32_t member_rule(const Property& p) {
    const auto [at, inserted] = members_.try_emplace(&p, 0);
    if (inserted) {
      Nfa nfa(c_.budget());
      write_member(nfa, Nfa::start, p, Nfa::accept);
      at->second = c_.new_rule("member " + p.name, std::move(nfa));
    }
    return at->second;
  }

  void write_others(const Key& key, std::uint32_t from) {
    const auto next = count(key);
    if (!next || others_.empty()) return;
    const std::uint32_t at = begin(key, from), to = state(*next);
    for (const Other& o : others_) {
      const std::uint32_t after = nfa_.state();
      nfa_.call(at, o.name, after);
      nfa_.call(c_.text().colon(nfa_, after), o.value, to);
    }
  }

  std::uint32_t state(const Key& key, std::uint32_t known = 0) {
    const auto [at, inserted] = states_.try_emplace(key, known);
    if (inserted) {
      if (known == 0) at->second = nfa_.state();
      order_.push_back(key);
    }
    return at->second;
  }

  SchemaCompiler& c_;
  Nfa& nfa_;
  const Alternative* a_ = nullptr;
  std::vector<Property> properties_;
  std::map<std::string, std::size_t> find_;
  std::map<const Property*, std::uint32_t> members_;
  std::vector<Other> others_;
  std::uint32_t min_ = 0, max_ = unbounded;
  const Json* min_schema_ = nullptr;
  bool dependent_ = false;
  std::map<Key, std::uint32_t> states_;
  std::vector<Key> order_;
};

VLMT_BODY void add_objects(SchemaCompiler& compiler, Nfa& nfa, const Alternative& a) {
  ObjectCompiler(compiler, nfa).add(a);
}

VLMT_BODY void add_members(SchemaCompiler& compiler, Nfa& nfa, const Json& object) {
  ObjectCompiler(compiler, nfa).add(object);
}

#endif

}  // namespace grammar

VLMT_END_NAMESPACE
