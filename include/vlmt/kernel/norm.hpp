// Row norms (RMSNorm, LayerNorm), fused with the conversion of rows to the input form of the next matmul.
#pragma once

#include <concepts>
#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/norm.hpp"
#include "vlmt/kernel/ref/norm.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/op/norm.hpp"

VLMT_BEGIN_NAMESPACE

/// A norm as arithmetic, for every backend: see RmsNorm.
template <class N>
concept ElementNorm = requires(const N& norm, const float* p) {
  { N::passes } -> std::convertible_to<int>;
  { norm.template term<0>(1.0f, 1.0f, RowMoments<>{}) }
  noexcept->std::same_as<float>;
  { norm.template finish<0>(1.0, std::size_t{}, RowMoments<>{}) }
  noexcept->std::same_as<RowMoments<>>;
  { norm.apply(1.0f, RowMoments<>{}, [](const float* at) { return *at; }) }
  noexcept->std::same_as<float>;
};

/// A user's own norm as loops over a row, for the CPU only: `stats` reads a whole row, then `apply` writes its columns
/// chunk by chunk.
template <class N, class Arch>
concept RowLoopNorm = requires(const N& norm, const float* x, float* y) {
  { norm.template stats<Arch>(x, std::size_t{}) }
  noexcept;
  { norm.template apply<Arch>(norm.template stats<Arch>(x, std::size_t{}), x, std::size_t{}, std::size_t{}, y) }
  noexcept;
};

template <class N, class Arch>
concept RowNorm = ElementNorm<N> || RowLoopNorm<N, Arch>;

namespace detail {

/// What norm_columns needs to know about the row x (h).
template <class Arch, class Norm>
VLMT_INLINE auto norm_stats(const Norm& norm, const float* x, std::size_t h) noexcept {
  if constexpr (RowLoopNorm<Norm, Arch>) {
    return norm.template stats<Arch>(x, h);
  } else if constexpr (is_reference_v<Arch>) {
    return ref::row_moments(norm, x, h);
  } else {
    return cpu::row_moments<Arch>(norm, x, h);
  }
}

/// Columns [column, column + count) of the row; x and y point at `column` and may be equal.
template <class Arch, class Norm, class Stats>
VLMT_INLINE void norm_columns(const Norm& norm, const Stats& stats, const float* x, std::size_t column,
                              std::size_t count, float* y) noexcept {
  if constexpr (RowLoopNorm<Norm, Arch>) {
    norm.template apply<Arch>(stats, x, column, count, y);
  } else if constexpr (is_reference_v<Arch>) {
    ref::norm_columns(norm, stats, x, column, count, y);
  } else {
    cpu::norm_columns<Arch>(norm, stats, x, column, count, y);
  }
}

}  // namespace detail

/// out = norm(x), x (n, h) with `stride` floats from row to row. Rows are split across the team. The sink may write x
/// in place.
template <class Arch, class Norm, RowSink Out>
void norm_rows(const Norm& norm, const float* x, std::size_t n, std::size_t h, std::size_t stride, const Out& out,
               Member& m = Solo().member()) {
  static_assert(RowNorm<Norm, Arch>,
                "vlmt: a norm needs passes, term, finish and apply, all noexcept; see RmsNorm in op/norm.hpp; or, for "
                "the CPU only, loops: stats<Arch>(x, h) and apply<Arch>(stats, x, column, count, y)");
  assert_input("norm_rows: x", x, n, h, stride);
  assert_fits("norm_rows: out", out, n, h, h);
  alignas(64) float buffer[sink_chunk];
  const Range rows = m.share(n);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const float* row = x + r * stride;
    const auto stats = detail::norm_stats<Arch>(norm, row, h);
    for (std::size_t c = 0; c < h; c += sink_chunk) {
      const std::size_t count = h - c < sink_chunk ? h - c : sink_chunk;
      float* y = out.row_pointer(r, c, buffer);
      detail::norm_columns<Arch>(norm, stats, row + c, c, count, y);
      out.template commit<Arch>(r, c, count, y);
    }
  }
}

/// RMSNorm of x (n, h), dense rows.
template <class Arch, RowSink Out>
void rms_norm(const float* x, std::size_t n, std::size_t h, const float* weight, float eps, const Out& out,
              Member& m = Solo().member()) {
  VLMT_ASSERT_SET("rms_norm", weight);
  norm_rows<Arch>(RmsNorm{weight, eps}, x, n, h, h, out, m);
}

/// LayerNorm of x (n, h), dense rows.
template <class Arch, RowSink Out>
void layer_norm(const float* x, std::size_t n, std::size_t h, const float* weight, const float* bias, float eps,
                const Out& out, Member& m = Solo().member()) {
  VLMT_ASSERT_SET("layer_norm", weight);
  VLMT_ASSERT_SET("layer_norm", bias);
  norm_rows<Arch>(LayerNorm{weight, bias, eps}, x, n, h, h, out, m);
}

VLMT_END_NAMESPACE
