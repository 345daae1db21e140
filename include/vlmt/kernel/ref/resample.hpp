// Scalar separable resize of 8-bit RGB images, in double.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/op/resample_plan.hpp"

VLMT_BEGIN_NAMESPACE

namespace ref {

/// See vlmt::resample. Computes every output pixel on its own: horizontally, rounded to 8 bits, then vertically.
inline void resample(const std::uint8_t* in, const ResampleWeights& x, const ResampleWeights& y, std::uint8_t* out,
                     Member& m) noexcept {
  const auto to_byte = [](double v) {
    return static_cast<std::uint8_t>(std::fmin(std::fmax(std::floor(v + 0.5), 0.0), 255.0));
  };
  const Range rows = m.share(y.out);
  for (std::size_t i = rows.begin; i < rows.end && !m.stopped(); ++i) {
    for (std::size_t j = 0; j < x.out; ++j) {
      for (std::size_t c = 0; c < 3; ++c) {
        double column = 0.0;
        for (std::size_t k = 0; k < y.count[i]; ++k) {
          const std::uint8_t* row = in + (y.begin[i] + k) * x.in * 3 + c;
          double sum = 0.0;
          for (std::size_t l = 0; l < x.count[j]; ++l) sum += x.exact[j * x.taps + l] * row[3 * (x.begin[j] + l)];
          column += y.exact[i * y.taps + k] * to_byte(sum);
        }
        out[(i * x.out + j) * 3 + c] = to_byte(column);
      }
    }
  }
}

}  // namespace ref

VLMT_END_NAMESPACE
