// A C++ type without a DType.
// expect: vlmt: this C++ type has no DType; add it to numeric/dtype.hpp
#include "vlmt/numeric/dtype.hpp"

#if VLMT_FIXED
using Elem = float;
#else
using Elem = long double;
#endif

constexpr vlmt::DType type = vlmt::dtype_of_v<Elem>;
