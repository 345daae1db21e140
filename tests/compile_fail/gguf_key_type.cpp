// A GGUF key read as a type that no GGUF value converts to.
// expect: vlmt: a GGUF value is read as bool, an integer, float, double, std::string or std::string_view
#include "vlmt/io/gguf.hpp"

#if VLMT_FIXED
using Value = double;
#else
enum class Value { left, right };
#endif

Value read(const vlmt::GgufFile& file) { return file.require<Value>("general.side"); }
