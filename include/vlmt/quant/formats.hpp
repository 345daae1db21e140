// All block formats, type lists of them, and dispatch by GGUF type number or name.
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

/// Lists of formats. A model names the list that its files may use; each format costs compile time and code size.
namespace formats {

/// Every weight format.
using all =
    TypeList<F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4, NVFP4>;

/// The formats of most files.
using common = TypeList<F32, F16, BF16, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K>;

/// Formats of a KV cache that can be chosen at run time.
using cache = TypeList<F32, F16, BF16, Q8_0, Q4_0>;

/// Eight-bit block formats that other GGUF programs use for activations. vlmt kernels quantise activations to Int8Group
/// (kernel/int8_group.hpp) instead.
using activations = TypeList<Q8_0, Q8_1, Q8_K>;

}  // namespace formats

namespace detail {

template <QuantFormat F>
constexpr bool require_file_blocks() noexcept {
  static_assert(fits_files_v<F>,
                "vlmt: files store this type_id in blocks of another size than this format's; see quant/ggml_type.hpp");
  return true;
}

/// True; fails to compile if tensors of a format in the list would be read past their end.
template <class... Fs>
constexpr bool require_file_blocks(TypeList<Fs...>) noexcept {
  return (require_file_blocks<Fs>() && ...);
}

static_assert(require_file_blocks(formats::all{}) && require_file_blocks(formats::activations{}));

}  // namespace detail

/// Calls f(TypeTag<F>{}) for the format F of the list with this GGUF type number. Returns false, without a call, if
/// there is none.
template <class... Fs, class F>
constexpr bool visit_format(TypeList<Fs...> list, std::uint32_t type_id, F&& f) {
  return visit_first(
      list, [type_id](auto tag) { return decltype(tag)::type::type_id == type_id; }, std::forward<F>(f));
}

/// The same by name, upper case as in GGUF tools ("Q4_K").
template <class... Fs, class F>
constexpr bool visit_format(TypeList<Fs...> list, std::string_view name, F&& f) {
  return visit_first(
      list, [name](auto tag) { return decltype(tag)::type::name == name; }, std::forward<F>(f));
}

/// The GGUF type number of the format with this name; empty if it is not in the list.
template <class List = formats::all>
constexpr std::optional<std::uint32_t> find_format(std::string_view name) {
  std::optional<std::uint32_t> id;
  visit_format(List{}, name, [&id](auto tag) { id = decltype(tag)::type::type_id; });
  return id;
}

VLMT_END_NAMESPACE
