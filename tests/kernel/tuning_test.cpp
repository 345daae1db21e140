// Tuning: its rules, what a caller sets, and that no choice changes a bit. MatmulSweep does the same for matrices.
#include "vlmt/kernel/cpu/tuning.hpp"

#include <cstddef>
#include <thread>
#include <vector>

#include "attention_cases.hpp"

namespace vlmt::tuning_test {
namespace {

using namespace vlmt_test;

static_assert(cpu::tuning_for({.intel = false}) == cpu::Tuning{});
static_assert(cpu::tuning_for({.intel = true}) ==
              cpu::Tuning{.far_bytes = 16384, .kv_near_bytes = 2048, .kv_far_bytes = 8192, .direct_rows = 20});

/// Restores the tuning.
struct Restore {
  cpu::Tuning old = cpu::tuning();
  ~Restore() { cpu::set_tuning(old); }
};

TEST(Tuning, TheRulesAreTheDefaultAndACallerSetsAnother) {
  EXPECT_EQ(cpu::tuning(), cpu::tuning_for(cpu::processor_facts()));
  const Restore restore;
  const cpu::Tuning mine{.far_bytes = 64, .kv_near_bytes = 0, .kv_far_bytes = 128, .direct_rows = 7};
  cpu::set_tuning(mine);
  EXPECT_EQ(cpu::tuning(), mine);
  cpu::Tuning other_thread;
  std::thread([&] { other_thread = cpu::tuning(); }).join();
  EXPECT_EQ(other_thread, mine);
}

TEST(Tuning, AttentionDoesNotDependOnIt) {
  using A = arch::native;
  const Restore restore;
  AttentionCase c;
  c.n = 3, c.heads = 4, c.kv_heads = 2, c.dim = 64, c.start = 700;
  c.key = c.value = &kv_leaf<F16, A>();
  c.fill(5);
  std::vector<float> prefill, split;
  for (const std::size_t near : {0u, 64u, 2048u, 1u << 20}) {
    for (const std::size_t far : {0u, 8192u, 1u << 20}) {
      cpu::set_tuning({.kv_near_bytes = near, .kv_far_bytes = far});
      const std::vector<float> p = c.prefill<A>(CausalAttention{}), s = c.split<A>(CausalAttention{});
      if (prefill.empty()) prefill = p, split = s;
      EXPECT_EQ(p, prefill) << near << " " << far;
      EXPECT_EQ(s, split) << near << " " << far;
    }
  }
}

}  // namespace
}  // namespace vlmt::tuning_test
