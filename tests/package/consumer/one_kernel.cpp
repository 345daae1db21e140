// One kernel in another program.
#include <cmath>
#include <cstdio>

#include <vlmt/kernel/norm.hpp>

int main() {
  const float x[4] = {1, 2, 3, 4}, weight[4] = {1, 1, 1, 2};
  float y[4];
  vlmt::rms_norm<vlmt::arch::native>(x, 1, 4, weight, 0.0f, vlmt::F32Rows{y, 4});
  std::printf("%s %.4f\n", vlmt::arch::native::name.data(), static_cast<double>(y[3]));
  return std::abs(y[3] - 8.0f / std::sqrt(7.5f)) < 1e-5f ? 0 : 1;
}
