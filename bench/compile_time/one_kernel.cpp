// Compile-time case: a user of one kernel, with one header and one instantiation.
#include <vlmt/kernel/matmul.hpp>
#include <vlmt/quant/q8_0.hpp>

void product(const vlmt::Packed<vlmt::Q8_0, vlmt::arch::native>& w, const float* x, float* y, std::size_t n,
             std::size_t columns, std::size_t rows) {
  vlmt::matmul(w, vlmt::view(x, n, columns), vlmt::view(y, n, rows));
}
