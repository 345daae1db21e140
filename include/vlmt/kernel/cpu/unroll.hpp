// Loops over compile-time indices that are always unrolled: an array that is indexed at run time cannot stay in
// registers.
#pragma once

#include <cstddef>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu::detail {

template <class Function, std::size_t... Is>
VLMT_INLINE void unroll_indices(Function&& f, std::index_sequence<Is...>) noexcept {
  (f(std::integral_constant<std::size_t, Is>{}), ...);
}

/// Calls f(std::integral_constant<std::size_t, I>{}) for I = 0, ..., N - 1.
template <std::size_t N, class Function>
VLMT_INLINE void unroll(Function&& f) noexcept {
  unroll_indices(f, std::make_index_sequence<N>{});
}

}  // namespace cpu::detail

VLMT_END_NAMESPACE
