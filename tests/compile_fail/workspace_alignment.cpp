// A workspace of a type with an alignment above 64 bytes.
// expect: vlmt: a workspace aligns its arrays to 64 bytes, this type needs more
#include "vlmt/exec/buffer.hpp"

#if VLMT_FIXED
struct alignas(64) Page {
#else
struct alignas(4096) Page {
#endif
  char bytes[4096];
};

void plan(vlmt::Carver& carver) {
  carver.take<Page>(8);
}
