// The CPU backend: an arch to compute with, and memory that suits it.
#pragma once

#include <concepts>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/buffer.hpp"

VLMT_BEGIN_NAMESPACE

/// A place to compute: an arch for its kernels and a kind of memory.
template <class B>
concept Backend = requires {
  typename B::Arch;
  typename B::Memory;
  { B::name } -> std::convertible_to<std::string_view>;
};

/// The CPU with the instruction set of A (arch::native by default).
template <class A = arch::native>
struct Cpu {
  using Arch = A;
  using Memory = Buffer;
  static constexpr std::string_view name = A::name;
};
static_assert(Backend<Cpu<>>);

VLMT_END_NAMESPACE
