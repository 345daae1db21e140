// Steps: how nn code issues work, without knowing the backend.
//
// An op is a value: pointers, sizes and policies, in an aggregate that can be copied to a device (include/vlmt/op).
// nn code calls step("name", op::Something{...}) and never dereferences the pointers: positions, lengths and routing
// are read when the op runs. What an op does is its lowering, lower(backend, op, pass), which is found beside the
// backend's kernels.
//
// The name is for profiles and traces. It is not copied: use a literal or a string that outlives the step.
#pragma once

#include <cstddef>
#include <type_traits>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Takes ops in order, step(op) or step(name, op), for the backend S::Backend. An op sees the effects of all earlier
/// ops.
template <class S>
concept Step = requires {
  typename S::Backend;
};

/// Upper bound of the size of an op: that of the arguments of a device kernel.
inline constexpr std::size_t max_op_bytes = 4096;

/// True for types that may be ops of any backend.
template <class Op>
inline constexpr bool is_op_value_v = std::is_trivially_copyable_v<Op> && sizeof(Op) <= max_op_bytes;

VLMT_END_NAMESPACE
