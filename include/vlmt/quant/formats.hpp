// All block formats, lists of them, and the step from a type number or a name in a file to a format.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/type_list.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/quant/format.hpp"
#include "vlmt/quant/iq4_nl.hpp"
#include "vlmt/quant/iq4_xs.hpp"
#include "vlmt/quant/mxfp4.hpp"
#include "vlmt/quant/nvfp4.hpp"
#include "vlmt/quant/q2_k.hpp"
#include "vlmt/quant/q3_k.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q4_1.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q5_0.hpp"
#include "vlmt/quant/q5_1.hpp"
#include "vlmt/quant/q5_k.hpp"
#include "vlmt/quant/q6_k.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/quant/q8_1.hpp"
#include "vlmt/quant/q8_k.hpp"

VLMT_BEGIN_NAMESPACE

/// Lists of formats. A model names the list that its files may use; each format in it costs compile time and code.
namespace formats {

/// Every weight format.
using all =
    TypeList<F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4, NVFP4>;

/// What most files are made of.
using common = TypeList<F32, F16, BF16, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K>;

/// What a KV cache may be kept in.
using cache = TypeList<F32, F16, BF16, Q8_0, Q4_0>;

/// Eight-bit forms of activations, in which kernels take their other operand.
using activations = TypeList<Q8_0, Q8_1, Q8_K>;

}  // namespace formats

/// Calls f(TypeTag<F>{}) for the format F of the list that has this GGUF type number; false, and no call, if none has.
template <class... Fs, class F>
constexpr bool visit_format(TypeList<Fs...> list, std::uint32_t type_id, F&& f) {
  return visit_first(
      list, [type_id](auto tag) { return decltype(tag)::type::type_id == type_id; }, std::forward<F>(f));
}

/// The same by name ("Q4_K"; upper case, as GGUF tools print it).
template <class... Fs, class F>
constexpr bool visit_format(TypeList<Fs...> list, std::string_view name, F&& f) {
  return visit_first(
      list, [name](auto tag) { return decltype(tag)::type::name == name; }, std::forward<F>(f));
}

/// The GGUF type number of a weight format by name, or nothing if there is no such format in the list.
template <class List = formats::all>
constexpr std::optional<std::uint32_t> find_format(std::string_view name) {
  std::optional<std::uint32_t> id;
  visit_format(List{}, name, [&id](auto tag) { id = decltype(tag)::type::type_id; });
  return id;
}

VLMT_END_NAMESPACE
