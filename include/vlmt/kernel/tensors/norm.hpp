// Norms of the rows of tensors.
#pragma once

#include <cstddef>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// y = norm(x) for rows of a member; make(parameters) is called by every member once the parameters are floats.
template <class Arch, class T, class U, class Make, class W, class... Places>
void norm_tensor(const StridedView<const T, 2>& x, const StridedView<U, 2>& y, const W& weight, const W& bias,
                 const Make& make, Places&... places) {
  struct Memory {
    float* rows;
    W weight, bias;
  };
  run_tensor_kernel(
      [&](Carver& carver, std::size_t members) {
        Memory memory{take_row_buffers(carver, members, x), weight, bias};
        memory.weight = W::take(carver, weight.v);
        memory.bias = W::take(carver, bias.v);
        return memory;
      },
      [&](Member& m, const Memory& memory) {
        if (m.rank() == 0) {
          memory.weight.template fill<Arch>();
          memory.bias.template fill<Arch>();
        }
        if (memory.weight.copy != nullptr || memory.bias.copy != nullptr) m.barrier();
        const auto norm = make(memory.weight.data(), memory.bias.data());
        const auto sink = TensorRows<U>::of(y);
        Solo solo;
        for_own_rows<Arch>(x, memory.rows, m, [&](std::size_t r, const float* row) {
          norm_rows<Arch>(norm, row, 1, x.extent(1), x.extent(1), RowOffsetSink<TensorRows<U>>{sink, r}, solo.member());
        });
      },
      places...);
}

}  // namespace detail

/// y (n, h) = x (n, h) / sqrt(mean(x^2) + eps) * weight (h), by rows. y may be x. Rows are split across the team.
template <class Arch = arch::native, TensorArgument X, TensorArgument W, TensorArgument Y, TensorPlace... Places>
void rms_norm(const X& x, const W& weight, float eps, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("rms_norm", "x", x);
  const auto scale = detail::float_input<1>("rms_norm", "weight", weight);
  const auto out = detail::float_output<2>("rms_norm", "y", y);
  detail::assert_sizes("rms_norm", "x", in, dynamic, dynamic);
  detail::assert_sizes("rms_norm", "weight", scale, in.extent(1));
  detail::assert_sizes("rms_norm", "y", out, in.extent(0), in.extent(1));
  using Parameter = detail::VectorOfFloats<std::remove_const_t<typename decltype(scale)::Elem>>;
  detail::norm_tensor<Arch>(
      in, out, Parameter{scale}, Parameter{}, [&](const float* w, const float*) { return RmsNorm{w, eps}; }, places...);
}

/// y (n, h) = (x - mean) / sqrt(variance + eps) * weight (h) + bias (h), by rows of x (n, h). y may be x. Weight and
/// bias have elements of one type. Rows are split across the team.
template <class Arch = arch::native, TensorArgument X, TensorArgument W, TensorArgument B, TensorArgument Y,
          TensorPlace... Places>
void layer_norm(const X& x, const W& weight, const B& bias, float eps, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("layer_norm", "x", x);
  const auto scale = detail::float_input<1>("layer_norm", "weight", weight);
  const auto shift = detail::float_input<1>("layer_norm", "bias", bias);
  const auto out = detail::float_output<2>("layer_norm", "y", y);
  detail::assert_sizes("layer_norm", "x", in, dynamic, dynamic);
  detail::assert_sizes("layer_norm", "weight", scale, in.extent(1));
  detail::assert_sizes("layer_norm", "bias", shift, in.extent(1));
  detail::assert_sizes("layer_norm", "y", out, in.extent(0), in.extent(1));
  using Parameter = detail::VectorOfFloats<std::remove_const_t<typename decltype(scale)::Elem>>;
  static_assert(std::is_same_v<typename decltype(scale)::Elem, typename decltype(shift)::Elem>,
                "vlmt: weight and bias of a layer_norm have elements of one type");
  if constexpr (std::is_same_v<typename decltype(scale)::Elem, typename decltype(shift)::Elem>) {
    detail::norm_tensor<Arch>(
        in, out, Parameter{scale}, Parameter{shift},
        [&](const float* w, const float* b) { return LayerNorm{w, b, eps}; }, places...);
  }
}

/// y (n, h) = norm(x (n, h)), by rows, for any norm of op/norm.hpp or of a user. y may be x. Rows are split across the
/// team.
template <class Arch = arch::native, class Norm, TensorArgument X, TensorArgument Y, TensorPlace... Places>
void norm_rows(const Norm& norm, const X& x, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("norm_rows", "x", x);
  const auto out = detail::float_output<2>("norm_rows", "y", y);
  detail::assert_sizes("norm_rows", "x", in, dynamic, dynamic);
  detail::assert_sizes("norm_rows", "y", out, in.extent(0), in.extent(1));
  using None = detail::VectorOfFloats<float>;
  detail::norm_tensor<Arch>(in, out, None{}, None{}, [&](const float*, const float*) { return norm; }, places...);
}

VLMT_END_NAMESPACE
