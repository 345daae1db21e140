// A C++ type without a GGUF value type.
// expect: vlmt: a GGUF value is a bool, an integer, a float, a double or a string; this type is none of them
#include "vlmt/io/gguf_value.hpp"

#if VLMT_FIXED
using Value = float;
#else
using Value = long double;
#endif

constexpr vlmt::GgufType type = vlmt::gguf_type_of_v<Value>;
