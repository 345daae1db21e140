// A block struct instead of a format: the compiler must name the unsatisfied concept.
// expect: QuantFormat
#include "vlmt/quant/q4_0.hpp"

#if VLMT_FIXED
using Format = vlmt::Q4_0;
#else
using Format = vlmt::Q4_0::Block;
#endif

constexpr auto bytes = vlmt::block_bytes_v<Format>;
