// Softmax of the rows of tensors.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/softmax.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

/// y (n, h) = softmax(x (n, h)), by rows of h > 0 finite values. y may be x. Rows are split across the team.
template <class Arch = arch::native, TensorArgument X, TensorArgument Y, TensorPlace... Places>
void softmax(const X& x, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("softmax", "x", x);
  const auto out = detail::float_output<2>("softmax", "y", y);
  detail::assert_sizes("softmax", "x", in, dynamic, dynamic);
  detail::assert_sizes("softmax", "y", out, in.extent(0), in.extent(1));
  const std::size_t h = in.extent(1);
  detail::assert_argument("softmax", "x", in, h != 0 || in.extent(0) == 0, "at least one column");
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) { return carver.take<float>(members * detail::member_floats(h)); },
      [&](Member& m, float* buffers) {
        float* row = buffers + m.rank() * detail::member_floats(h);
        const Range mine = m.share(in.extent(0));
        for (std::size_t r = mine.begin; r < mine.end; ++r) {
          detail::load_elements<Arch>(in.data() + r * in.stride(0), in.stride(1), h, row);
          softmax_row<Arch>(row, h);
          detail::store_elements<Arch>(row, h, out.data() + r * out.stride(0), out.stride(1));
        }
      },
      places...);
}

VLMT_END_NAMESPACE
