// Functions of SIMD vectors that activations need. No cancellation: relative errors stay near 3e-7 for either sign
// while results are not tiny.
#pragma once

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/cpu/simd.hpp"

VLMT_BEGIN_NAMESPACE

namespace simd {

/// erfc(z) / 2 for z >= 0.
template <class Arch>
VLMT_INLINE Floats<Arch> half_erfc(Floats<Arch> z) noexcept {
  using F = Floats<Arch>;
  // erf(z) = z P(z^2) on [0, 1], relative error of P 1.3e-9.
  const F square = z * z;
  F p(7.8538577045e-05f);
  p = fma(p, square, F(-8.0101925202e-04f));
  p = fma(p, square, F(5.1883275600e-03f));
  p = fma(p, square, F(-2.6853811869e-02f));
  p = fma(p, square, F(1.1283585147e-01f));
  p = fma(p, square, F(-3.7612625824e-01f));
  p = fma(p, square, F(1.1283791657e+00f));
  const F near = fnma(F(0.5f) * z, p, F(0.5f));
  // Beyond 1: erfc(z) = exp(-z^2) t Q(t) with t = 1 / (z + 2), relative error of Q 6.3e-9. Both polynomials are
  // weighted least-squares fits on Chebyshev nodes.
  const F t = F(1.0f) / (z + F(2.0f));
  F q(-1.3829080497e+01f);
  q = fma(q, t, F(4.6454488672e+01f));
  q = fma(q, t, F(-4.4578719142e+01f));
  q = fma(q, t, F(1.1288454950e+01f));
  q = fma(q, t, F(5.5030751099e-01f));
  q = fma(q, t, F(3.0629549738e+00f));
  q = fma(q, t, F(1.9580477131e+00f));
  q = fma(q, t, F(1.1290085241e+00f));
  q = fma(q, t, F(5.6417953071e-01f));
  // Rounding error of z * z; 0 if the arch has no fused multiply-add.
  const F lost = fma(z, z, -square);
  const F far = F(0.5f) * t * q * exp(-square) * (F(1.0f) - lost);
  return select(z < F(1.0f), near, far);
}

}  // namespace simd

VLMT_END_NAMESPACE
