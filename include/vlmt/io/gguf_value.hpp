// Key-value pairs of GGUF: value types, and conversion between integer widths, in which files differ.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"

VLMT_BEGIN_NAMESPACE

/// GGUF value types; the numbers are those of the format.
enum class GgufType : std::uint32_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12
};

inline constexpr std::uint32_t gguf_type_count = 13;

struct GgufTypeInfo {
  std::string_view name;
  std::size_t bytes;  ///< of one value; 0 for strings and arrays, which store their length
};

constexpr GgufTypeInfo info(GgufType type) noexcept {
  constexpr std::array<GgufTypeInfo, gguf_type_count> table = {{{"u8", 1},
                                                                {"i8", 1},
                                                                {"u16", 2},
                                                                {"i16", 2},
                                                                {"u32", 4},
                                                                {"i32", 4},
                                                                {"f32", 4},
                                                                {"bool", 1},
                                                                {"string", 0},
                                                                {"array", 0},
                                                                {"u64", 8},
                                                                {"i64", 8},
                                                                {"f64", 8}}};
  return table[static_cast<std::size_t>(type)];
}

/// The GGUF type of a C++ type: gguf_type_of_v<float> == GgufType::F32.
template <class T>
inline constexpr GgufType gguf_type_of_v = [] {
  if constexpr (std::is_same_v<T, bool>) {
    return GgufType::Bool;
  } else if constexpr (std::is_same_v<T, float>) {
    return GgufType::F32;
  } else if constexpr (std::is_same_v<T, double>) {
    return GgufType::F64;
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return GgufType::String;
  } else if constexpr (std::is_integral_v<T>) {
    constexpr GgufType types[2][4] = {{GgufType::U8, GgufType::U16, GgufType::U32, GgufType::U64},
                                      {GgufType::I8, GgufType::I16, GgufType::I32, GgufType::I64}};
    return types[std::is_signed_v<T>][sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3];
  } else {
    static_assert(dependent_false_v<T>,
                  "vlmt: a GGUF value is a bool, an integer, a float, a double or a string; this type is none of them");
    return GgufType::U8;
  }
}();

/// One key-value pair of a GGUF file; key and data are views into the file.
struct GgufValue {
  std::string_view key;
  GgufType type = GgufType::U8;  ///< of the value; of the elements where is_array
  bool is_array = false;
  std::uint64_t count = 1;          ///< elements of an array; 1 for a single value
  std::span<const std::byte> data;  ///< characters of a single string; otherwise the payload as stored
  std::uint64_t offset = 0;         ///< of data, from the start of the file, in bytes

  /// For errors: "u32", "array of 3 f32".
  std::string type_name() const {
    const std::string name(info(type).name);
    return is_array ? "array of " + std::to_string(count) + " " + name : name;
  }
};

namespace detail {

template <class T>
T load_as(const std::byte* p) noexcept {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

/// Returns f(number at p); false, without a call, for bool, string and array.
template <class F>
bool visit_gguf_number(GgufType type, const std::byte* p, F&& f) {
  switch (type) {
    case GgufType::U8:
      return f(load_as<std::uint8_t>(p));
    case GgufType::I8:
      return f(load_as<std::int8_t>(p));
    case GgufType::U16:
      return f(load_as<std::uint16_t>(p));
    case GgufType::I16:
      return f(load_as<std::int16_t>(p));
    case GgufType::U32:
      return f(load_as<std::uint32_t>(p));
    case GgufType::I32:
      return f(load_as<std::int32_t>(p));
    case GgufType::F32:
      return f(load_as<float>(p));
    case GgufType::U64:
      return f(load_as<std::uint64_t>(p));
    case GgufType::I64:
      return f(load_as<std::int64_t>(p));
    case GgufType::F64:
      return f(load_as<double>(p));
    default:
      return false;
  }
}

/// Reads the number at p as T; false if type or range does not fit. An integer T accepts every integer type whose value
/// fits; float and double accept every number, rounded; bool accepts only bool.
template <class T>
bool convert_gguf(GgufType type, const std::byte* p, T& out) noexcept {
  static_assert(std::is_arithmetic_v<T>,
                "vlmt: a GGUF value is read as bool, an integer, float, double, std::string or std::string_view");
  if constexpr (std::is_same_v<T, bool>) {
    if (type != GgufType::Bool) return false;
    out = load_as<std::uint8_t>(p) != 0;
    return true;
  } else {
    return visit_gguf_number(type, p, [&out](auto value) noexcept {
      using V = decltype(value);
      if constexpr (std::is_integral_v<T>) {
        if constexpr (std::is_integral_v<V>) {
          if (!std::in_range<T>(value)) return false;
          out = static_cast<T>(value);
          return true;
        } else {
          return false;
        }
      } else {
        out = static_cast<T>(value);
        return true;
      }
    });
  }
}

/// The values that convert_gguf accepts for T, for errors.
template <class T>
std::string expected_gguf() {
  if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_integral_v<T>) {
    return "an integer in [" + std::to_string(std::numeric_limits<T>::min()) + ", " +
           std::to_string(std::numeric_limits<T>::max()) + "]";
  } else if constexpr (std::is_floating_point_v<T>) {
    return "a number";
  } else {
    return "string";
  }
}

}  // namespace detail

VLMT_END_NAMESPACE
