// A block struct where a format is needed: the compiler names the concept that is not satisfied.
// expect: QuantFormat
#include "vlmt/quant/q4_0.hpp"

#if VLMT_MENDED
using Format = vlmt::Q4_0;
#else
using Format = vlmt::Q4_0::Block;
#endif

constexpr auto bytes = vlmt::block_bytes_v<Format>;
