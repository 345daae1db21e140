// The bits of a value as another type, for host and device code.
#pragma once

#include <type_traits>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// std::bit_cast, which device code may not call: the standard library does not mark it for devices.
template <class To, class From>
VLMT_HD constexpr To bits_as(From x) noexcept {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
  return __builtin_bit_cast(To, x);
}

}  // namespace detail

VLMT_END_NAMESPACE
