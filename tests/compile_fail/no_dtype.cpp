// A C++ type that no file format stores.
// expect: vlmt: this C++ type has no DType; add it to numeric/dtype.hpp
#include "vlmt/numeric/dtype.hpp"

#if VLMT_MENDED
using Elem = float;
#else
using Elem = long double;
#endif

constexpr vlmt::DType type = vlmt::dtype_of_v<Elem>;
