// Values of chat templates as Jinja2 has them, and the heap that owns them and counts what a template may use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

namespace jinja {

/// What a template may use. Templates come from files of strangers: each limit ends one with InputError.
struct Limits {
  std::size_t source_bytes = std::size_t{256} << 10;
  std::size_t nesting = 128;        ///< of expressions and blocks in the source
  std::size_t depth = 400;          ///< of evaluation: nested expressions, blocks and calls together
  std::uint64_t steps = 1'000'000;  ///< evaluated nodes, loop rounds, items and 64 byte pieces of text looked at
  std::size_t output_bytes = std::size_t{1} << 20;
  std::size_t memory_bytes = std::size_t{16} << 20;  ///< of all values made while rendering
  std::size_t range = 100'000;                       ///< items of range()
};

/// An error at a line of a template.
[[noreturn]] VLMT_NOINLINE inline void fail_at(std::size_t line, std::string_view message,
                                               std::string_view expected = {}, std::string_view found = {}) {
  throw InputError(std::string(message), {.file = {},
                                          .offset = {},
                                          .field = "chat_template line " + std::to_string(line),
                                          .expected = std::string(expected),
                                          .found = std::string(found)});
}

struct None {};
struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Function;

/// A value: small, copied freely. Text, lists and the rest belong to the heap or to the template. Nothing but a
/// namespace ever changes, as in Jinja's immutable sandbox.
using Value = std::variant<std::monostate,  // undefined
                           None, bool, std::int64_t, double, std::string_view, const List*, const Dict*, Namespace*,
                           Loop*, const Function*>;

inline bool is_undefined(const Value& v) noexcept {
  return std::holds_alternative<std::monostate>(v);
}
inline bool is_none(const Value& v) noexcept {
  return std::holds_alternative<None>(v);
}
inline const std::string_view* as_text(const Value& v) noexcept {
  return std::get_if<std::string_view>(&v);
}
inline const List* as_list(const Value& v) noexcept {
  const auto* p = std::get_if<const List*>(&v);
  return p == nullptr ? nullptr : *p;
}
inline const Dict* as_dict(const Value& v) noexcept {
  const auto* p = std::get_if<const Dict*>(&v);
  return p == nullptr ? nullptr : *p;
}

/// What messages call the type of a value.
inline std::string_view type_name(const Value& v) noexcept {
  constexpr std::string_view names[] = {"an undefined value", "none",   "a boolean", "an integer",  "a float",
                                        "a string",           "a list", "a dict",    "a namespace", "a loop",
                                        "a function"};
  return names[v.index()];
}

/// Base of what the heap owns. Values hold plain pointers, so that freeing never recurses.
struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

struct Text : Object {
  explicit Text(std::string t) : text(std::move(t)) {}
  std::string text;
};
struct List : Object {
  std::vector<Value> items;
  bool tuple = false;
};
struct Dict : Object {
  std::vector<std::pair<Value, Value>> items;
};
struct Namespace : Object {
  std::vector<std::pair<std::string_view, Value>> items;
};

struct Node;
struct Scope;

struct Function : Object {
  enum class Kind : std::uint8_t { global, method, macro, loop };
  Kind kind = Kind::global;
  std::string_view name;        ///< of a global, a method or a macro
  Value self;                   ///< of a method: its object; of a loop: the loop
  const Node* macro = nullptr;  ///< of a macro
  Scope* scope = nullptr;       ///< of a macro: where it was defined
};

/// Owns the values of one rendering.
class Heap {
 public:
  explicit Heap(const Limits& limits = {}) : limits_(limits) {}

  const Limits& limits() const noexcept { return limits_; }

  /// The line that is being rendered, for messages.
  std::size_t line = 0;

  [[noreturn]] void fail(std::string_view message, std::string_view expected = {}, std::string_view found = {}) const {
    fail_at(line, message, expected, found);
  }

  /// Counts work; ends a template that does too much.
  void step(std::uint64_t n = 1) {
    if (n > limits_.steps - steps_) {
      fail("the template does not come to an end", "at most " + std::to_string(limits_.steps) + " steps");
    }
    steps_ += n;
  }
  std::uint64_t steps() const noexcept { return steps_; }

  /// Counts bytes before they are taken, and the work of writing them.
  void take(std::size_t bytes) {
    if (bytes > limits_.memory_bytes - bytes_) {
      fail("the template makes too many values", "at most " + std::to_string(limits_.memory_bytes) + " bytes");
    }
    bytes_ += bytes;
    step(bytes / 256);
  }
  /// The same for `n` items of a list.
  void take_items(std::size_t n) {
    if (n > limits_.memory_bytes / sizeof(Value)) take(limits_.memory_bytes + 1);
    take(n * sizeof(Value));
  }

  /// A new object.
  template <class T, class... Args>
  T* make(Args&&... args) {
    take(sizeof(T) + 16);
    auto owned = std::make_unique<T>(std::forward<Args>(args)...);
    T* p = owned.get();
    objects_.push_back(std::move(owned));
    return p;
  }

  /// Text that a value can point to.
  std::string_view keep(std::string text) {
    take(text.size());
    return make<Text>(std::move(text))->text;
  }
  Value text(std::string text) { return keep(std::move(text)); }
  Value list(std::vector<Value> items, bool tuple = false) {
    take_items(items.size());
    List* l = make<List>();
    l->items = std::move(items);
    l->tuple = tuple;
    return static_cast<const List*>(l);
  }
  Value dict(std::vector<std::pair<Value, Value>> items) {
    take_items(2 * items.size());
    Dict* d = make<Dict>();
    d->items = std::move(items);
    return static_cast<const Dict*>(d);
  }

 private:
  Limits limits_;
  std::uint64_t steps_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::unique_ptr<Object>> objects_;
};

/// Keeps count of how deep a template nests while it is rendered.
class Depth {
 public:
  Depth(Heap& heap, std::size_t& depth) : depth_(depth) {
    if (depth_ >= heap.limits().depth) {
      heap.fail("nested too deeply", "at most " + std::to_string(heap.limits().depth) + " levels");
    }
    ++depth_;
  }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;
  ~Depth() { --depth_; }

 private:
  std::size_t& depth_;
};

/// Sorts and keeps the order of equal items. Unlike std::sort it is safe with any `less`, as NaN has no order; unlike
/// std::stable_sort it takes no deprecated buffer.
template <class T, class Less>
void merge_sort(std::vector<T>& items, Less&& less) {
  std::vector<T> other(items.size());
  const auto at = [&](std::size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(std::min(i, items.size())); };
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    auto out = other.begin();
    for (std::size_t i = 0; i < items.size(); i += 2 * width) {
      out = std::merge(at(i), at(i + width), at(i + width), at(i + 2 * width), out, less);
    }
    items.swap(other);
  }
}

}  // namespace jinja

VLMT_END_NAMESPACE
