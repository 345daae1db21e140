// A JSON text as a tree that keeps the order of members and the digits of numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/limits.hpp"

#if VLMT_HAS_BODIES
#include <nlohmann/json.hpp>
#endif

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// A value.
struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  std::string text = {};               ///< of a string, or the digits of a number
  std::vector<Json> items = {};        ///< of an array, or the values of an object
  std::vector<std::string> keys = {};  ///< of an object, one for each item
  std::uint32_t order = 0;             ///< of a schema: its place in the document, before its parts
  const Json* link = nullptr;          ///< of a schema that is made, not read: it is the same as that one

  bool is(Kind k) const noexcept { return kind == k; }
  /// The member of an object, or nullptr.
  const Json* find(std::string_view key) const noexcept {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == key) return &items[i];
    }
    return nullptr;
  }
};

/// Numbers a value and its parts, from `next` on.
inline void number(Json& value, std::uint32_t& next) {
  value.order = next++;
  for (Json& item : value.items) number(item, next);
}

/// Parses strict JSON. Throws InputError for anything else and for a key that is there twice, LimitError for more bytes
/// or levels than the limits. `name` appears in errors.
Json parse_json(std::string_view text, const std::string& name, const GrammarLimits& limits);

#if VLMT_HAS_BODIES

/// Receives the events of nlohmann's parser, which keeps no call stack of its own.
class JsonTreeReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonTreeReader(std::string name, std::size_t depth) : name_(std::move(name)), depth_(depth) {}

  Json take() { return std::move(root_); }

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add({.kind = Json::Kind::boolean, .boolean = value}); }
  bool number_integer(std::int64_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) override { return number(std::to_string(value)); }
  bool number_float(double, const std::string& digits) override { return number(digits); }
  bool string(std::string& value) override { return add({.kind = Json::Kind::string, .text = std::move(value)}); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::Kind::object); }
  bool start_array(std::size_t) override { return open(Json::Kind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& value) override {
    Json& object = open_.back();
    Budget::check(object.keys.size() + 1, max_keys, "members of an object", name_);
    if (object.find(value) != nullptr) {
      throw InputError("key is there twice",
                       {.file = name_, .offset = {}, .field = value.substr(0, 80), .expected = {}, .found = {}});
    }
    object.keys.push_back(std::move(value));
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& e) override {
    throw InputError(std::string("not valid JSON: ") + e.what(),
                     {.file = name_, .offset = position, .field = {}, .expected = {}, .found = {}});
  }

 private:
  bool number(std::string digits) { return add({.kind = Json::Kind::number, .text = std::move(digits)}); }
  bool add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }
  bool open(Json::Kind kind) {
    Budget::check(open_.size() + 1, depth_, "levels of JSON", name_);
    open_.push_back({.kind = kind});
    return true;
  }
  bool close() {
    Json value = std::move(open_.back());
    open_.pop_back();
    return add(std::move(value));
  }

  static constexpr std::size_t max_keys = 4096;  // they are compared with each other

  std::string name_;
  std::size_t depth_;
  Json root_;
  std::vector<Json> open_;
};

VLMT_BODY Json parse_json(std::string_view text, const std::string& name, const GrammarLimits& limits) {
  Budget::check(text.size(), limits.text_bytes, "bytes of JSON", name);
  JsonTreeReader reader(name, limits.depth);
  nlohmann::json::sax_parse(text, &reader);
  return reader.take();
}

#endif

}  // namespace grammar

VLMT_END_NAMESPACE
