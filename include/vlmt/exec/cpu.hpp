// The CPU backend: the arch of its kernels and its memory type.
#pragma once

#include <concepts>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/buffer.hpp"

VLMT_BEGIN_NAMESPACE

/// A compute backend: its memory and its name. What else it supplies: BackendTypes in op/backend_types.hpp, and
/// lower(backend, op, pass) for each op.
template <class B>
concept Backend = requires {
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
