// Element types of safetensors files as run-time values, and their C++ types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/type_list.hpp"
#include "vlmt/numeric/bfloat16.hpp"
#include "vlmt/numeric/float16.hpp"

VLMT_BEGIN_NAMESPACE

/// The element types that vlmt reads from safetensors files.
enum class DType : std::uint8_t { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool };

struct DTypeInfo {
  std::string_view name;  ///< spelling of safetensors
  std::size_t bytes;
};

constexpr DTypeInfo info(DType t) noexcept {
  constexpr DTypeInfo table[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
                                 {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};
  return table[static_cast<std::size_t>(t)];
}

/// The DType of a C++ type: dtype_of_v<float16> == DType::F16.
template <class T>
inline constexpr DType dtype_of_v = [] {
  static_assert(dependent_false_v<T>, "vlmt: this C++ type has no DType; add it to numeric/dtype.hpp");
  return DType::U8;
}();
template <>
inline constexpr DType dtype_of_v<double> = DType::F64;
template <>
inline constexpr DType dtype_of_v<float> = DType::F32;
template <>
inline constexpr DType dtype_of_v<float16> = DType::F16;
template <>
inline constexpr DType dtype_of_v<bfloat16> = DType::BF16;
template <>
inline constexpr DType dtype_of_v<std::int64_t> = DType::I64;
template <>
inline constexpr DType dtype_of_v<std::int32_t> = DType::I32;
template <>
inline constexpr DType dtype_of_v<std::int16_t> = DType::I16;
template <>
inline constexpr DType dtype_of_v<std::int8_t> = DType::I8;
template <>
inline constexpr DType dtype_of_v<std::uint64_t> = DType::U64;
template <>
inline constexpr DType dtype_of_v<std::uint32_t> = DType::U32;
template <>
inline constexpr DType dtype_of_v<std::uint16_t> = DType::U16;
template <>
inline constexpr DType dtype_of_v<std::uint8_t> = DType::U8;
template <>
inline constexpr DType dtype_of_v<bool> = DType::Bool;

VLMT_END_NAMESPACE
