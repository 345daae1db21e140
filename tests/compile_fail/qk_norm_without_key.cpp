// A norm of queries and keys without key().
// expect: vlmt: a norm of queries and keys needs of_query and of_key, norms of one head, see RmsQkNorm
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/rope.hpp"
#include "vlmt/op/rope_policy.hpp"

struct QueryNorm {
  template <class Arch>
  void query(float*, std::size_t) const noexcept {}
#if VLMT_FIXED
  template <class Arch>
  void key(float*, std::size_t) const noexcept {}
#endif
};

void store(const vlmt::QkvRows& rows, const float* table, const vlmt::KvView& kv, const std::int32_t* start) {
  vlmt::qk_norm_rope_store<vlmt::arch::native, vlmt::RopeHalves>(rows, QueryNorm{}, table, 8, kv, start);
}
