// Options of grammars from JSON Schemas.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/numbers.hpp"

VLMT_BEGIN_NAMESPACE

/// White space between the parts of a JSON text.
enum class JsonSpace : std::uint8_t {
  compact,  ///< none: {"a":1,"b":2}
  spaced,   ///< as Python's json.dumps writes: {"a": 1, "b": 2}
  free      ///< any, up to SchemaOptions::space_run at a time
};

/// Order of the properties that a schema lists.
enum class PropertyOrder : std::uint8_t {
  given,  ///< that of the schema; properties that it does not list come last
  any     ///< any; for at most 12 properties
};

/// What a JSON text may look like. Strings under `pattern`, `format`, `enum` and `const`, and names, are spelled with
/// mandatory escapes only; other strings may use all escapes.
struct SchemaOptions {
  JsonSpace space = JsonSpace::free;
  PropertyOrder order = PropertyOrder::given;
  bool closed_objects = false;   ///< an object that lists properties and has no additionalProperties allows no others
  bool formats = true;           ///< `format` is required; otherwise it is a comment
  std::uint32_t space_run = 40;  ///< longest white space
  std::uint32_t string_length = 32768;  ///< characters of a string without maxLength, or with a larger one
  std::uint32_t name_length = 256;      ///< characters of a name that the schema does not list
  grammar::NumberDigits digits = {};
};

VLMT_END_NAMESPACE
