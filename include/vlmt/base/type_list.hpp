// Type lists, and dispatch from a run-time value to a type or constant.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// A compile-time list of types.
template <class... Ts>
struct TypeList {
  static constexpr std::size_t size = sizeof...(Ts);
};

namespace detail {
template <class... As, class... Bs>
TypeList<As..., Bs...> joined(TypeList<As...>, TypeList<Bs...>);
template <class... As, class... Bs>
auto operator+(TypeList<As...> a, TypeList<Bs...> b) -> decltype(joined(a, b));

template <template <class> class Keep, class List>
struct Filter;
template <template <class> class Keep, class... Ts>
struct Filter<Keep, TypeList<Ts...>> {
  using type = decltype((TypeList<>() + ... + std::conditional_t<Keep<Ts>::value, TypeList<Ts>, TypeList<>>()));
};
}  // namespace detail

/// The types of a list with Keep<T>::value, in order.
template <template <class> class Keep, class List>
using Filtered = typename detail::Filter<Keep, List>::type;

/// Carries a type through a function argument.
template <class T>
struct TypeTag {
  using type = T;
};

/// False, but only evaluated on instantiation: for static_assert in primary templates that must not be used.
template <class...>
inline constexpr bool dependent_false_v = false;

template <class T, class List>
inline constexpr bool contains_v = false;
template <class T, class... Ts>
inline constexpr bool contains_v<T, TypeList<Ts...>> = (std::is_same_v<T, Ts> || ...);

/// Calls f(TypeTag<T>{}) for each type of the list, in order.
template <class... Ts, class F>
constexpr void for_each_type(TypeList<Ts...>, F&& f) {
  (f(TypeTag<Ts>{}), ...);
}

/// Calls f(TypeTag<T>{}) for the first T with match(TypeTag<T>{}) true. Returns false if there is none.
template <class... Ts, class Match, class F>
constexpr bool visit_first(TypeList<Ts...>, Match&& match, F&& f) {
  return ((match(TypeTag<Ts>{}) ? (f(TypeTag<Ts>{}), true) : false) || ...);
}

/// Calls f(std::integral_constant<T, V>{}) for the V equal to value. Returns false if there is none.
template <auto... Vs, class T, class F>
constexpr bool visit_value(T value, F&& f) {
  return ((value == Vs ? (f(std::integral_constant<decltype(Vs), Vs>{}), true) : false) || ...);
}

VLMT_END_NAMESPACE
