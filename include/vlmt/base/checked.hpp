// Overflow-checked arithmetic for counts and sizes taken from files or requests.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// a * b; empty on overflow.
template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) noexcept {
  T r{};
  if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
  return r;
}

/// a + b; empty on overflow.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) noexcept {
  T r{};
  if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
  return r;
}

/// The smallest multiple of `to` that is at least n. Requires to > 0 and n <= max - to.
template <std::unsigned_integral T>
constexpr T round_up(T n, T to) noexcept {
  return (n + to - 1) / to * to;
}

/// ceil(n / d) for d > 0; cannot overflow.
template <std::unsigned_integral T>
constexpr T ceil_div(T n, T d) noexcept {
  return n / d + (n % d != 0 ? 1 : 0);
}

VLMT_END_NAMESPACE
