// The CPU backend: the arch of its kernels, its memory, and how a pass of an op runs.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/buffer.hpp"

VLMT_BEGIN_NAMESPACE

/// A compute backend: its memory and its name. What else it supplies: BackendTypes in op/backend_types.hpp,
/// lower(backend, op, pass) for each op, and an executor (exec/executor.hpp).
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
  /// The host reads and writes this memory as its own; nothing need be staged or fetched.
  static constexpr bool host_visible = true;

  /// One pass of an op: f(m) by every member. It is complete for all members when it returns.
  template <class Member, class F>
  static void pass(Member& m, const F& f) {
    f(m);
    m.barrier();
  }
  /// Copies from the host into memory of the backend.
  static void put(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  /// Copies from memory of the backend to the host.
  static void get(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }

 private:
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
};
static_assert(Backend<Cpu<>>);

VLMT_END_NAMESPACE
