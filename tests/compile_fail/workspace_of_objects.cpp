// A workspace of objects that need a constructor.
// expect: vlmt: a workspace holds plain data only
#include <string>

#include "vlmt/exec/buffer.hpp"

#if VLMT_FIXED
using Elem = char;
#else
using Elem = std::string;
#endif

void plan(vlmt::Carver& carver) {
  carver.take<Elem>(8);
}
