// Activation functions of tensors.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

/// y (n, h) = act(x (n, h)), for an activation of op/activation.hpp or of a user: activate_rows(Silu{}, x, y). y may be
/// x. Rows are split across the team.
template <class Arch = arch::native, class Act, TensorArgument X, TensorArgument Y, TensorPlace... Places>
void activate_rows(const Act&, const X& x, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("activate_rows", "x", x);
  const auto out = detail::float_output<2>("activate_rows", "y", y);
  detail::assert_sizes("activate_rows", "x", in, dynamic, dynamic);
  detail::assert_sizes("activate_rows", "y", out, in.extent(0), in.extent(1));
  using Sink = TensorRows<typename decltype(out)::Elem>;
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) { return detail::take_row_buffers(carver, members, in); },
      [&](Member& m, float* buffers) {
        const Sink sink = Sink::of(out);
        const std::size_t h = in.extent(1);
        Solo solo;
        detail::for_own_rows<Arch>(in, buffers, m, [&](std::size_t r, const float* row) {
          activate_rows<Arch, Act>(row, 1, h, h, RowOffsetSink<Sink>{sink, r}, solo.member());
        });
      },
      places...);
}

/// y (n, h) = act(gate (n, h)) * up (n, h): gated_rows(Silu{}, gate, up, y). y may be gate or up. Rows are split across
/// the team.
template <class Arch = arch::native, class Act, TensorArgument G, TensorArgument U, TensorArgument Y,
          TensorPlace... Places>
void gated_rows(const Act&, const G& gate, const U& up, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("gated_rows", "gate", gate);
  const auto other = detail::float_input<2>("gated_rows", "up", up);
  const auto out = detail::float_output<2>("gated_rows", "y", y);
  detail::assert_sizes("gated_rows", "gate", in, dynamic, dynamic);
  detail::assert_sizes("gated_rows", "up", other, in.extent(0), in.extent(1));
  detail::assert_sizes("gated_rows", "y", out, in.extent(0), in.extent(1));
  using Sink = TensorRows<typename decltype(out)::Elem>;
  struct Memory {
    float* gate;
    float* up;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        return Memory{detail::take_row_buffers(carver, members, in), detail::take_row_buffers(carver, members, other)};
      },
      [&](Member& m, const Memory& memory) {
        const Sink sink = Sink::of(out);
        const std::size_t h = in.extent(1);
        float* buffer = memory.up == nullptr ? nullptr : memory.up + m.rank() * detail::member_floats(h);
        Solo solo;
        detail::for_own_rows<Arch>(in, memory.gate, m, [&](std::size_t r, const float* row) {
          gated_rows<Arch, Act>(row, detail::row_of_floats<Arch>(other, r, buffer), 1, h, h,
                                RowOffsetSink<Sink>{sink, r}, solo.member());
        });
      },
      places...);
}

VLMT_END_NAMESPACE
