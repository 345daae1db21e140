// Row norms (RMSNorm, LayerNorm), fused with the conversion of rows to the input form of the next matmul.
#pragma once

#include <cstddef>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/norm.hpp"
#include "vlmt/kernel/ref/norm.hpp"
#include "vlmt/kernel/row_sink.hpp"

VLMT_BEGIN_NAMESPACE

/// y = x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich, 2019); weight (h).
struct RmsNorm {
  const float* weight = nullptr;
  float eps = 1e-6f;

  /// 1 / sqrt(mean(x^2) + eps) of the whole row x (h), for `apply`.
  template <class Arch>
  float stats(const float* x, std::size_t h) const noexcept {
    if constexpr (is_reference_v<Arch>) {
      return ref::rms_inverse(x, h, eps);
    } else {
      return cpu::rms_inverse<Arch>(x, h, eps);
    }
  }
  /// Writes columns [column, column + count) of the row; x and y point at `column` and may be equal.
  template <class Arch>
  void apply(float inverse, const float* x, std::size_t column, std::size_t count, float* y) const noexcept {
    if constexpr (is_reference_v<Arch>) {
      ref::rms_apply(x, weight + column, inverse, count, y);
    } else {
      cpu::rms_apply<Arch>(x, weight + column, inverse, count, y);
    }
  }
};

/// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, with the variance divided by h (Ba et al., 2016); weight and
/// bias (h).
struct LayerNorm {
  const float* weight = nullptr;
  const float* bias = nullptr;
  float eps = 1e-6f;

  template <class Arch>
  RowMoments stats(const float* x, std::size_t h) const noexcept {
    if constexpr (is_reference_v<Arch>) {
      return ref::layer_moments(x, h, eps);
    } else {
      return cpu::layer_moments<Arch>(x, h, eps);
    }
  }
  template <class Arch>
  void apply(RowMoments s, const float* x, std::size_t column, std::size_t count, float* y) const noexcept {
    if constexpr (is_reference_v<Arch>) {
      ref::layer_apply(x, weight + column, bias + column, s, count, y);
    } else {
      cpu::layer_apply<Arch>(x, weight + column, bias + column, s, count, y);
    }
  }
};

/// A norm of rows: `stats` reads a whole row, then `apply` writes its columns chunk by chunk. Both are noexcept.
template <class N, class Arch>
concept RowNorm = requires(const N& norm, const float* x, float* y) {
  { norm.template stats<Arch>(x, std::size_t{}) }
  noexcept;
  { norm.template apply<Arch>(norm.template stats<Arch>(x, std::size_t{}), x, std::size_t{}, std::size_t{}, y) }
  noexcept;
};

/// out = norm(x), x (n, h) with `stride` floats from row to row. Rows are split across the team. The sink may write x
/// in place.
template <class Arch, class Norm, RowSink Out>
void norm_rows(const Norm& norm, const float* x, std::size_t n, std::size_t h, std::size_t stride, const Out& out,
               Member& m = Solo().member()) {
  static_assert(RowNorm<Norm, Arch>,
                "vlmt: a norm needs stats<Arch>(x, h) and apply<Arch>(stats, x, column, count, y), both noexcept; see "
                "RmsNorm in kernel/norm.hpp");
  assert_input("norm_rows: x", x, n, h, stride);
  assert_fits("norm_rows: out", out, n, h, h);
  alignas(64) float buffer[sink_chunk];
  const Range rows = m.share(n);
  for (std::size_t r = rows.begin; r < rows.end; ++r) {
    const float* row = x + r * stride;
    const auto stats = norm.template stats<Arch>(row, h);
    for (std::size_t c = 0; c < h; c += sink_chunk) {
      const std::size_t count = h - c < sink_chunk ? h - c : sink_chunk;
      float* y = out.row_pointer(r, c, buffer);
      norm.template apply<Arch>(stats, row + c, c, count, y);
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
