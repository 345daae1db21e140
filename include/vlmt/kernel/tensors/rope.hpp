// Rotary position embeddings of tensors: (n, heads, head_dim), rotated in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Rotates the heads of x that are a member's; row(t) is the row of the angle table of token t.
template <class Arch, class Pairing, class T, class Row>
void rotate_heads(const StridedView<T, 3>& x, float* buffers, Member& m, const Row& row) noexcept {
  const std::size_t heads = x.extent(1), dim = x.extent(2);
  float* buffer = buffers == nullptr ? nullptr : buffers + m.rank() * member_floats(dim);
  const Range items = m.share(x.extent(0) * heads);
  for (std::size_t i = items.begin; i < items.end; ++i) {
    const std::size_t t = i / heads;
    T* head = x.data() + t * x.stride(0) + i % heads * x.stride(1);
    if constexpr (std::is_same_v<T, float>) {
      if (buffer == nullptr) {
        rope_apply<Arch, Pairing>(row(t), dim / 2, head);
        continue;
      }
    }
    load_elements<Arch>(head, x.stride(2), dim, buffer);
    rope_apply<Arch, Pairing>(row(t), dim / 2, buffer);
    store_elements<Arch>(buffer, dim, head, x.stride(2));
  }
}

}  // namespace detail

/// Rotates x (n, heads, head_dim) in place. `positions` (n, Policy::axes) are int32, (n) for one axis; `frequencies`
/// are floats, as rope_frequencies gives them: policy.frequencies(head_dim / 2) of them. To rotate the first d elements
/// of each head only, pass slice(x, 2, 0, d). Heads are split across the team.
template <class Arch = arch::native, RopePolicy Policy, TensorArgument P, TensorArgument F, TensorArgument X,
          TensorPlace... Places>
void rope(const Policy& policy, const P& positions, const F& frequencies, X&& x, Places&... places) {
  const auto heads = detail::float_output<3>("rope", "x", x);
  const std::size_t n = heads.extent(0), half = heads.extent(2) / 2;
  detail::assert_sizes("rope", "x", heads, dynamic, dynamic, dynamic);
  detail::assert_argument("rope", "x", heads, heads.extent(2) % 2 == 0, "an even size of heads");
  const auto angles = detail::typed_input<float, 1>("rope", "frequencies", frequencies);
  detail::assert_sizes("rope", "frequencies", angles, policy.frequencies(half));
  detail::assert_dense("rope", "frequencies", angles);
  const auto seen = [&] {
    if constexpr (Policy::axes == 1) {
      return detail::typed_input<std::int32_t, 1>("rope", "positions", positions);
    } else {
      return detail::typed_input<std::int32_t, 2>("rope", "positions", positions);
    }
  }();
  if constexpr (Policy::axes == 1) {
    detail::assert_sizes("rope", "positions", seen, n);
  } else {
    detail::assert_sizes("rope", "positions", seen, n, Policy::axes);
  }
  struct Memory {
    float* table;
    float* heads;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return Memory{
            carver.take<float>(rope_table_floats(n, half)),
            detail::has_float_rows(heads) ? nullptr : carver.take<float>(members * detail::member_floats(2 * half))};
      },
      [&](Member& m, const Memory& memory) {
        const Range tokens = m.share(n);
        Solo solo;
        for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
          std::int32_t at[Policy::axes];
          for (std::size_t a = 0; a < Policy::axes; ++a) {
            at[a] = seen.data()[t * seen.stride(0) + (a == 0 ? 0 : a * seen.stride(seen.rank() - 1))];
          }
          rope_table(policy, at, 1, angles.data(), half, memory.table + t * 2 * half, solo.member());
        }
        m.barrier();
        detail::rotate_heads<Arch, typename Policy::Pairing>(
            heads, memory.heads, m, [&](std::size_t t) { return memory.table + t * 2 * half; });
      },
      places...);
}

VLMT_END_NAMESPACE
