// Packed weights for a backend that has none.
// expect: vlmt: this backend has no Matrix; specialise vlmt::Matrix<Format, Backend>, as kernel/tensors/matrix.hpp does
// for Cpu<Arch>
#include "vlmt/kernel/tensors/matrix.hpp"
#include "vlmt/quant/q4_0.hpp"

struct Other {};

#if VLMT_FIXED
using Backend = vlmt::Cpu<>;
#else
using Backend = Other;
#endif

std::size_t rows(const vlmt::Matrix<vlmt::Q4_0, Backend>& w) {
  return w.rows();
}
