// A JSON Schema as a document: its keywords, references and places.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/decimal.hpp"
#include "vlmt/text/grammar/json_tree.hpp"
#include "vlmt/text/grammar/limits.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// The document and where its parts are. Constant once read.
class SchemaDocument {
 public:
  SchemaDocument(std::string_view text, const GrammarLimits& limits) : root_(parse_json(text, "schema", limits)) {
    number(root_, size_);
    if (!root_.is(Json::Kind::object) && !root_.is(Json::Kind::boolean)) {
      fail(root_, {}, "not a schema", "an object, true or false");
    }
    if (const Json* id = root_.find("$id")) id_ = id->text.substr(0, id->text.find('#'));
    find_anchors(root_);
  }
  SchemaDocument(const SchemaDocument&) = delete;
  SchemaDocument& operator=(const SchemaDocument&) = delete;

  const Json& root() const noexcept { return root_; }
  /// Values in the document; Json::order is smaller.
  std::uint32_t size() const noexcept { return size_; }

  /// Throws InputError about a keyword of a schema.
  [[noreturn]] void fail(const Json& schema, std::string_view keyword, const std::string& message,
                         std::string expected = {}, std::string found = {}) const {
    std::string where = path(schema);
    if (!keyword.empty()) where += "/" + std::string(keyword);
    throw InputError(
        message,
        {.file = "schema", .offset = {}, .field = where, .expected = std::move(expected), .found = std::move(found)});
  }
  [[noreturn]] void unsupported(const Json& schema, std::string_view keyword, const std::string& why = {}) const {
    fail(schema, keyword, "unsupported: " + std::string(keyword) + (why.empty() ? "" : ": " + why));
  }

  /// The JSON pointer of a part, as a fragment: #/properties/a.
  std::string path(const Json& part) const {
    std::string out = "#";
    find(root_, part, out);
    return out;
  }

  /// The schema that a $ref of `from` names. Throws if it is in another document or nowhere.
  const Json& resolve(const Json& from, const std::string& reference) const {
    std::string_view fragment = reference;
    if (!fragment.starts_with('#')) {
      const std::size_t hash = std::min(fragment.find('#'), fragment.size());
      if (id_.empty() || fragment.substr(0, hash) != id_) {
        unsupported(from, "$ref", "a schema in another document, " + detail::shown(reference));
      }
      fragment.remove_prefix(hash);
    }
    if (fragment.empty() || fragment == "#") return root_;
    fragment.remove_prefix(1);
    if (!fragment.starts_with('/')) {
      const auto at = anchors_.find(std::string(fragment));
      if (at == anchors_.end()) fail(from, "$ref", "no such $anchor", {}, detail::shown(reference));
      return *at->second;
    }
    const Json* at = &root_;
    while (!fragment.empty()) {
      fragment.remove_prefix(1);
      const std::size_t end = std::min(fragment.find('/'), fragment.size());
      at = child(*at, unescape(fragment.substr(0, end)));
      if (at == nullptr) fail(from, "$ref", "no such place in the document", {}, detail::shown(reference));
      if (at->is(Json::Kind::object) && at->find("$id") != nullptr) unsupported(*at, "$id");
      fragment.remove_prefix(end);
    }
    return *at;
  }

  /// Refuses keywords that are unknown or unsupported, and values of a wrong type. `schema` is an object.
  void check(const Json& schema) const {
    for (std::size_t i = 0; i < schema.keys.size(); ++i) {
      const std::string& key = schema.keys[i];
      const Json& value = schema.items[i];
      const auto known =
          std::find_if(keywords.begin(), keywords.end(), [&](const Keyword& k) { return k.name == key; });
      if (known == keywords.end()) {
        if (key.starts_with("x-")) continue;
        unsupported(schema, key, "not a keyword of draft 2020-12");
      }
      switch (known->shape) {
        case Shape::comment:
        case Shape::value:
          break;
        case Shape::schema:
          if (!value.is(Json::Kind::object) && !value.is(Json::Kind::boolean)) wrong(schema, key, "a schema");
          break;
        case Shape::schemas:
          if (!value.is(Json::Kind::array) || value.items.empty()) wrong(schema, key, "a list of schemas");
          for (const Json& s : value.items) {
            if (!s.is(Json::Kind::object) && !s.is(Json::Kind::boolean)) wrong(schema, key, "a list of schemas");
          }
          break;
        case Shape::named_schemas:
          if (!value.is(Json::Kind::object)) wrong(schema, key, "an object of schemas");
          for (const Json& s : value.items) {
            if (!s.is(Json::Kind::object) && !s.is(Json::Kind::boolean)) wrong(schema, key, "an object of schemas");
          }
          break;
        case Shape::count:
          count(schema, key);
          break;
        case Shape::number:
          if (!value.is(Json::Kind::number)) wrong(schema, key, "a number");
          break;
        case Shape::text:
          if (!value.is(Json::Kind::string)) wrong(schema, key, "a string");
          break;
        case Shape::names:
          if (!value.is(Json::Kind::array)) wrong(schema, key, "a list of names");
          for (const Json& s : value.items) {
            if (!s.is(Json::Kind::string)) wrong(schema, key, "a list of names");
          }
          break;
        case Shape::values:
          if (!value.is(Json::Kind::array)) wrong(schema, key, "a list of values");
          break;
        case Shape::named_names:
          if (!value.is(Json::Kind::object)) wrong(schema, key, "an object of lists of names");
          for (const Json& s : value.items) {
            const bool names =
                std::all_of(s.items.begin(), s.items.end(), [](const Json& n) { return n.is(Json::Kind::string); });
            if (!s.is(Json::Kind::array) || !names) wrong(schema, key, "an object of lists of names");
          }
          break;
        case Shape::flag:
          if (!value.is(Json::Kind::boolean)) wrong(schema, key, "true or false");
          break;
        case Shape::type:
          if (!value.is(Json::Kind::string) && !value.is(Json::Kind::array))
            wrong(schema, key, "a type, or a list of types");
          break;
        case Shape::root_only:
          if (&schema != &root_) unsupported(schema, key, "only at the top");
          if (!value.is(Json::Kind::string)) wrong(schema, key, "a string");
          if (key == "$schema" && value.text.find("//json-schema.org/") == std::string::npos) {
            unsupported(schema, key, "a vocabulary of its own");
          }
          break;
        case Shape::refused:
          unsupported(schema, key);
      }
    }
  }

  /// Whether a keyword says nothing about a value.
  static bool is_comment(std::string_view key) noexcept {
    return key.starts_with("x-") || key == "$schema" || key == "$id" || key == "then" || key == "else" ||
           std::any_of(keywords.begin(), keywords.end(),
                       [&](const Keyword& k) { return k.name == key && k.shape == Shape::comment; });
  }

  /// The value of a keyword that counts something; `otherwise` if it is missing. Larger counts than 2^31 are that.
  std::uint32_t count(const Json& schema, std::string_view key, std::uint32_t otherwise = 0) const {
    const Json* value = schema.find(key);
    if (value == nullptr) return otherwise;
    constexpr std::uint32_t most = 0x80000000;
    const auto d = value->is(Json::Kind::number) ? Decimal::parse(value->text) : std::nullopt;
    if (!d || d->negative || !d->is_integer()) wrong(schema, key, "an integer, 0 or more");
    if (d->whole.size() > 9) return most;
    std::uint32_t n = 0;
    for (const char c : d->whole) n = n * 10 + static_cast<std::uint32_t>(c - '0');
    return n;
  }

 private:
  enum class Shape : std::uint8_t {
    comment,
    schema,
    schemas,
    named_schemas,
    count,
    number,
    text,
    names,
    value,
    values,
    named_names,
    flag,
    type,
    root_only,
    refused
  };
  struct Keyword {
    std::string_view name;
    Shape shape;
  };
  static constexpr auto keywords = std::to_array<Keyword>({
      {"type", Shape::type},
      {"enum", Shape::values},
      {"const", Shape::value},
      {"anyOf", Shape::schemas},
      {"oneOf", Shape::schemas},
      {"allOf", Shape::schemas},
      {"not", Shape::schema},
      {"$ref", Shape::text},
      {"properties", Shape::named_schemas},
      {"required", Shape::names},
      {"additionalProperties", Shape::schema},
      {"patternProperties", Shape::named_schemas},
      {"propertyNames", Shape::schema},
      {"minProperties", Shape::count},
      {"maxProperties", Shape::count},
      {"dependentRequired", Shape::named_names},
      {"items", Shape::schema},
      {"prefixItems", Shape::schemas},
      {"minItems", Shape::count},
      {"maxItems", Shape::count},
      {"contains", Shape::schema},
      {"minContains", Shape::count},
      {"maxContains", Shape::count},
      {"uniqueItems", Shape::flag},
      {"minLength", Shape::count},
      {"maxLength", Shape::count},
      {"pattern", Shape::text},
      {"format", Shape::text},
      {"minimum", Shape::number},
      {"maximum", Shape::number},
      {"exclusiveMinimum", Shape::number},
      {"exclusiveMaximum", Shape::number},
      {"multipleOf", Shape::number},
      // They say nothing about a value.
      {"$defs", Shape::comment},
      {"definitions", Shape::comment},
      {"title", Shape::comment},
      {"description", Shape::comment},
      {"default", Shape::comment},
      {"examples", Shape::comment},
      {"$comment", Shape::comment},
      {"deprecated", Shape::comment},
      {"readOnly", Shape::comment},
      {"writeOnly", Shape::comment},
      {"contentEncoding", Shape::comment},
      {"contentMediaType", Shape::comment},
      {"contentSchema", Shape::comment},
      {"$anchor", Shape::comment},
      {"$schema", Shape::root_only},
      {"$id", Shape::root_only},
      {"if", Shape::schema},
      {"then", Shape::schema},
      {"else", Shape::schema},
      {"dependentSchemas", Shape::named_schemas},
      // Known and refused.
      {"unevaluatedProperties", Shape::refused},
      {"unevaluatedItems", Shape::refused},
      {"$dynamicRef", Shape::refused},
      {"$dynamicAnchor", Shape::refused},
      {"$vocabulary", Shape::refused},
      {"dependencies", Shape::refused},
      {"additionalItems", Shape::refused},
      {"$recursiveRef", Shape::refused},
      {"$recursiveAnchor", Shape::refused},
      {"nullable", Shape::refused},
  });

  [[noreturn]] void wrong(const Json& schema, std::string_view key, std::string expected) const {
    fail(schema, key, "wrong value", std::move(expected));
  }

  static bool find(const Json& at, const Json& part, std::string& path) {
    if (&at == &part) return true;
    const std::size_t size = path.size();
    for (std::size_t i = 0; i < at.items.size(); ++i) {
      path += "/" + (at.is(Json::Kind::object) ? at.keys[i] : std::to_string(i));
      if (find(at.items[i], part, path)) return true;
      path.resize(size);
    }
    return false;
  }

  static const Json* child(const Json& at, const std::string& key) {
    if (at.is(Json::Kind::object)) return at.find(key);
    std::size_t index = 0;
    if (!at.is(Json::Kind::array) || key.empty() || key.size() > 9) return nullptr;
    for (const char c : key) {
      if (c < '0' || c > '9') return nullptr;
      index = index * 10 + static_cast<std::size_t>(c - '0');
    }
    return index < at.items.size() ? &at.items[index] : nullptr;
  }

  // %41 is A, ~1 is /, ~0 is ~.
  static std::string unescape(std::string_view part) {
    std::string bytes, out;
    for (std::size_t i = 0; i < part.size(); ++i) {
      unsigned code = 0;
      if (part[i] == '%' && i + 3 <= part.size() &&
          std::from_chars(part.data() + i + 1, part.data() + i + 3, code, 16).ptr == part.data() + i + 3) {
        bytes += static_cast<char>(code);
        i += 2;
      } else {
        bytes += part[i];
      }
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const bool escaped = bytes[i] == '~' && i + 1 < bytes.size() && (bytes[i + 1] == '0' || bytes[i + 1] == '1');
      out += escaped ? (bytes[++i] == '1' ? '/' : '~') : bytes[i];
    }
    return out;
  }

  void find_anchors(const Json& at) {
    if (at.is(Json::Kind::object)) {
      if (const Json* anchor = at.find("$anchor"); anchor != nullptr && anchor->is(Json::Kind::string)) {
        anchors_.emplace(anchor->text, &at);
      }
    }
    for (std::size_t i = 0; i < at.items.size(); ++i) {
      // Values are no schemas.
      if (at.is(Json::Kind::object) && (at.keys[i] == "enum" || at.keys[i] == "const")) continue;
      find_anchors(at.items[i]);
    }
  }

  Json root_;
  std::uint32_t size_ = 0;
  std::string id_;
  std::map<std::string, const Json*> anchors_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
