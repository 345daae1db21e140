// Activation functions over rows.
#pragma once

#include <concepts>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/activation.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/op/activation.hpp"

VLMT_BEGIN_NAMESPACE

/// An activation function that kernels of Arch can apply: to double for arch::reference, else to SIMD vectors.
template <class A, class Arch>
concept Activation = ActivationOf<A, double> && (is_reference_v<Arch> || ActivationOf<A, simd::Floats<Arch>>);

namespace detail {

/// y = act(x) or act(x) * up for `count` values; y may be x.
template <class Arch, class Act, bool Gated>
void activate_values(const float* x, const float* up, std::size_t count, float* y) noexcept {
  if constexpr (is_reference_v<Arch>) {
    for (std::size_t i = 0; i < count; ++i) {
      double a = Act::apply(static_cast<double>(x[i]));
      if constexpr (Gated) a *= static_cast<double>(up[i]);
      y[i] = static_cast<float>(a);
    }
  } else {
    using F = simd::Floats<Arch>;
    std::size_t i = 0;
    for (; i + F::lanes <= count; i += F::lanes) {
      F a = Act::apply(F::load(x + i));
      if constexpr (Gated) a *= F::load(up + i);
      a.store(y + i);
    }
    if (i < count) {
      const std::size_t rest = count - i;
      F a = Act::apply(F::load(x + i, rest));
      if constexpr (Gated) a *= F::load(up + i, rest);
      a.store(y + i, rest);
    }
  }
}

template <class Arch, class Act, bool Gated, class Out>
void activate_rows_impl(const float* x, const float* up, std::size_t n, std::size_t h, std::size_t stride,
                        const Out& out, Member& m) noexcept {
  static_assert(
      Activation<Act, Arch>,
      "vlmt: an activation needs template <class V> static V apply(V x) noexcept, for double and for SIMD vectors; "
      "see Silu in op/activation.hpp");
  alignas(64) float buffer[sink_chunk];
  const std::size_t chunks = (h + sink_chunk - 1) / sink_chunk;
  const Range items = m.share(n * chunks);
  for (std::size_t item = items.begin; item < items.end; ++item) {
    const std::size_t r = item / chunks;
    const std::size_t c = item % chunks * sink_chunk;
    const std::size_t count = h - c < sink_chunk ? h - c : sink_chunk;
    float* y = out.row_pointer(r, c, buffer);
    activate_values<Arch, Act, Gated>(x + r * stride + c, Gated ? up + r * stride + c : nullptr, count, y);
    out.template commit<Arch>(r, c, count, y);
  }
}

}  // namespace detail

/// out = Act(x), x (n, h) with `stride` floats from row to row. Chunks of columns are split across the team.
template <class Arch, class Act, RowSink Out>
void activate_rows(const float* x, std::size_t n, std::size_t h, std::size_t stride, const Out& out,
                   Member& m = Solo().member()) {
  assert_input("activate_rows: x", x, n, h, stride);
  assert_fits("activate_rows: out", out, n, h, h);
  detail::activate_rows_impl<Arch, Act, false>(x, nullptr, n, h, stride, out, m);
}

/// out = Act(gate) * up, both (n, h) with `stride` floats from row to row. Chunks of columns are split across the team.
template <class Arch, class Act, RowSink Out>
void gated_rows(const float* gate, const float* up, std::size_t n, std::size_t h, std::size_t stride, const Out& out,
                Member& m = Solo().member()) {
  assert_input("gated_rows: gate", gate, n, h, stride);
  assert_input("gated_rows: up", up, n, h, stride);
  assert_fits("gated_rows: out", out, n, h, h);
  detail::activate_rows_impl<Arch, Act, true>(gate, up, n, h, stride, out, m);
}

VLMT_END_NAMESPACE
