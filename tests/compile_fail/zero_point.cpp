// An Unpack specialisation whose zero point is not a power of two.
// expect: vlmt: a zero point must be 0 or a power of two
#include "vlmt/kernel/matmul.hpp"
#include "vlmt/quant/q4_0.hpp"

struct Format : vlmt::Q4_0 {};

template <class Arch>
struct vlmt::cpu::Unpack<Format, Arch> : Unpack<vlmt::Q4_0, Arch> {
#if VLMT_FIXED
  static constexpr int zero = 64;
#else
  static constexpr int zero = 100;
#endif
};

constexpr int bits = vlmt::cpu::zero_bits_v<Format, vlmt::arch::native>;
