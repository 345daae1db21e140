// Tensor types of GGUF files: numbers, names and block sizes, including types that vlmt cannot decode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// One past the largest known type number.
inline constexpr std::uint32_t ggml_type_count = 43;

struct GgmlTypeInfo {
  std::string_view name;
  std::size_t values = 0;  ///< values per block; 0 for removed or unassigned numbers
  std::size_t bytes = 0;   ///< bytes per block
};

/// Name and block size of a type number; `values` is 0 for an unknown type.
constexpr GgmlTypeInfo ggml_type_info(std::uint32_t type) noexcept {
  constexpr GgmlTypeInfo table[ggml_type_count] = {
      {"F32", 1, 4},      {"F16", 1, 2},        {"Q4_0", 32, 18},    {"Q4_1", 32, 20},     {"", 0, 0},
      {"", 0, 0},         {"Q5_0", 32, 22},     {"Q5_1", 32, 24},    {"Q8_0", 32, 34},     {"Q8_1", 32, 36},
      {"Q2_K", 256, 84},  {"Q3_K", 256, 110},   {"Q4_K", 256, 144},  {"Q5_K", 256, 176},   {"Q6_K", 256, 210},
      {"Q8_K", 256, 292}, {"IQ2_XXS", 256, 66}, {"IQ2_XS", 256, 74}, {"IQ3_XXS", 256, 98}, {"IQ1_S", 256, 50},
      {"IQ4_NL", 32, 18}, {"IQ3_S", 256, 110},  {"IQ2_S", 256, 82},  {"IQ4_XS", 256, 136}, {"I8", 1, 1},
      {"I16", 1, 2},      {"I32", 1, 4},        {"I64", 1, 8},       {"F64", 1, 8},        {"IQ1_M", 256, 56},
      {"BF16", 1, 2},     {"", 0, 0},           {"", 0, 0},          {"", 0, 0},           {"TQ1_0", 256, 54},
      {"TQ2_0", 256, 66}, {"", 0, 0},           {"", 0, 0},          {"", 0, 0},           {"MXFP4", 32, 17},
      {"NVFP4", 64, 36},  {"Q1_0", 128, 18},    {"Q2_0", 64, 18}};
  return type < ggml_type_count ? table[type] : GgmlTypeInfo{};
}

VLMT_END_NAMESPACE
