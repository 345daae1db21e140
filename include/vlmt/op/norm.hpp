// Norms of rows as policies, and the ops that compute them.
//
// A norm is arithmetic: passes over a row that add term(x, sum) and turn the sum into moments with finish(), then
// apply() for each element. One body serves references, SIMD and devices.
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/numeric/arithmetic.hpp"

VLMT_BEGIN_NAMESPACE

/// What passes over a row have found: its mean, and 1 / sqrt(variance + eps) or 1 / sqrt(mean square + eps). T is
/// float, or double in references.
template <class T = float>
struct RowMoments {
  T mean = T(0);
  T inverse = T(1);
};

/// Loads a parameter of a norm at a column, for scalar code.
struct ParameterAt {
  std::size_t column = 0;
  VLMT_HD float operator()(const float* parameter) const noexcept { return parameter[column]; }
};

/// y = x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich, 2019); weight (h).
struct RmsNorm {
  static constexpr int passes = 1;
  const float* weight = nullptr;
  float eps = 1e-6f;

  /// sum plus the term of x in a pass.
  template <int Pass, class V, class T>
  VLMT_HD VLMT_INLINE V term(V x, V sum, RowMoments<T>) const noexcept {
    using namespace arithmetic;
    return fma(x, x, sum);
  }
  /// The moments after a pass over h values.
  template <int Pass, class T>
  VLMT_HD RowMoments<T> finish(double sum, std::size_t h, RowMoments<T>) const noexcept {
    return {T(0), static_cast<T>(1.0 / std::sqrt(sum / static_cast<double>(h) + static_cast<double>(eps)))};
  }
  /// One element, or a vector of them; load(p) loads p at its column.
  template <class V, class Load>
  VLMT_HD VLMT_INLINE V apply(V x, RowMoments<> m, const Load& load) const noexcept {
    return x * V(m.inverse) * load(weight);
  }
};

/// y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, with the variance divided by h (Ba et al., 2016); weight and
/// bias (h).
struct LayerNorm {
  static constexpr int passes = 2;
  const float* weight = nullptr;
  const float* bias = nullptr;
  float eps = 1e-6f;

  template <int Pass, class V, class T>
  VLMT_HD VLMT_INLINE V term(V x, V sum, RowMoments<T> m) const noexcept {
    using namespace arithmetic;
    if constexpr (Pass == 0) {
      return sum + x;
    } else {
      const V d = x - V(m.mean);
      return fma(d, d, sum);
    }
  }
  template <int Pass, class T>
  VLMT_HD RowMoments<T> finish(double sum, std::size_t h, RowMoments<T> m) const noexcept {
    if constexpr (Pass == 0) {
      return {static_cast<T>(sum / static_cast<double>(h)), T(1)};
    } else {
      return {m.mean, static_cast<T>(1.0 / std::sqrt(sum / static_cast<double>(h) + static_cast<double>(eps)))};
    }
  }
  template <class V, class Load>
  VLMT_HD VLMT_INLINE V apply(V x, RowMoments<> m, const Load& load) const noexcept {
    using namespace arithmetic;
    return fma((x - V(m.mean)) * V(m.inverse), load(weight), load(bias));
  }
};

/// No norm of queries and keys.
struct NoQkNorm {};

/// A norm of every head of queries and keys before the rotation, as in Qwen3.
struct RmsQkNorm {
  RmsNorm of_query;  ///< weight (head_dim)
  RmsNorm of_key;
};

namespace op {

/// out = norm(x), x (n, width) in dense rows. Norm is a policy such as RmsNorm. A backend may compute it once, or
/// anew in every product that reads `out`.
template <class Norm, class Rows>
struct Normalise {
  Norm norm;
  const float* x = nullptr;
  std::size_t n = 0;
  std::size_t width = 0;
  Rows out;
};

/// The same into floats: y (n, width), dense. For readers other than products.
template <class Norm>
struct NormaliseFloats {
  Norm norm;
  const float* x = nullptr;
  float* y = nullptr;
  std::size_t n = 0;
  std::size_t width = 0;
};

}  // namespace op

VLMT_END_NAMESPACE
