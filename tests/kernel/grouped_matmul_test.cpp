// Grouped matmul against one matmul per row. Experts without rows are filled with NaN and made inaccessible.
#include "vlmt/kernel/grouped_matmul.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "vlmt/exec/buffer.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q6_k.hpp"
#include "vlmt/quant/q8_0.hpp"

#include "matmul_problem.hpp"

namespace {

using namespace vlmt;
using namespace matmul_test;

using A = arch::native;

/// Packed experts; hide() makes one unreadable: all pages that lie wholly in it.
template <class Format>
class Experts {
 public:
  Experts(std::size_t experts, std::size_t rows, std::size_t row_blocks, std::uint32_t seed)
      : one_(packed_bytes<Format, A>(rows, row_blocks * Format::values)), buffer_(experts * one_) {
    for (std::size_t e = 0; e < experts; ++e) {
      problems_.emplace_back(rows, row_blocks, seed + static_cast<std::uint32_t>(e));
      std::memcpy(buffer_.data() + e * one_, problems_.back().packed.data, one_);
    }
    packed = make_packed_experts<Format, A>(buffer_.data(), experts, rows, row_blocks * Format::values);
  }
  const Problem<Format, A>& operator[](std::size_t e) const { return problems_[e]; }

  void hide(std::size_t e) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    // All bits set is NaN in every scale format.
    std::memset(buffer_.data() + e * one_, 0xff, one_);
    const std::size_t begin = round_up(e * one_, page);
    const std::size_t end = (e + 1) * one_ / page * page;
    ASSERT_LT(begin, end);
    ASSERT_EQ(::mprotect(buffer_.data() + begin, end - begin, PROT_NONE), 0);
  }

  PackedExperts<A> packed;

 private:
  std::size_t one_;
  Buffer buffer_;
  std::vector<Problem<Format, A>> problems_;
};

struct Groups {
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> rows;

  /// counts[e] rows for expert e, taken in a fixed order from `tokens` tokens.
  Groups(const std::vector<int>& counts, int tokens) {
    int next = 0;
    for (const int n : counts) {
      for (int i = 0; i < n; ++i) rows.push_back((next += 7) % tokens);
      offsets.push_back(static_cast<std::int32_t>(rows.size()));
    }
  }
  std::size_t slots() const { return rows.size(); }
  ExpertGroups view() {
    ExpertGroups g;
    g.offsets = offsets.data();
    g.experts = offsets.size() - 1;
    return g;
  }
};

struct Tokens {
  std::size_t n, k;
  std::vector<float> x;
  std::vector<Int8Group> groups;
  Tokens(std::size_t rows, std::size_t cols)
      : n(rows), k(cols), x(random_rows(rows, cols, 41)), groups(QuantizedRows::count(rows, cols)) {
    Solo solo;
    quantize_rows<A>(x.data(), n, k, k, QuantizedRows{groups.data(), k / 32}, solo.member());
  }
  Activations rows(bool int8, std::size_t first, std::size_t count) {
    Activations a = float_rows(x.data() + first * k, count, k);
    if (int8) a.q = {groups.data() + first * (k / 32), k / 32};
    return a;
  }
};

template <class Format>
void expect_grouped(const std::vector<int>& counts) {
  constexpr std::size_t rows = 80;
  const std::size_t blocks = 512 / Format::values;
  Experts<Format> experts(counts.size(), rows, blocks, 50);
  for (std::size_t e = 0; e < counts.size(); ++e) {
    if (counts[e] == 0) experts.hide(e);
  }
  Groups groups(counts, 40);
  Tokens tokens(40, 512);
  for (const bool int8 : {true, false}) {
    std::vector<float> want(groups.slots() * rows);
    for (std::size_t e = 0; e < counts.size(); ++e) {
      for (std::int32_t s = groups.offsets[e]; s < groups.offsets[e + 1]; ++s) {
        const auto at = static_cast<std::size_t>(s);
        Solo solo;
        matmul(experts[e].packed, tokens.rows(int8, static_cast<std::size_t>(groups.rows[at]), 1),
               Store<A>{want.data() + at * rows, rows}, solo.member());
      }
    }
    for (const std::size_t size : {1u, 2u, 3u, 7u}) {
      std::vector<float> y(want.size(), NAN);
      ThreadTeam team(size);
      team.run([&](Member& m) {
        grouped_matmul(experts.packed, groups.view(), groups.rows.data(), tokens.rows(int8, 0, 40),
                       Store<A>{y.data(), rows}, m);
      });
      EXPECT_EQ(y, want) << size << " members, int8 " << int8;
    }
  }
}

TEST(GroupedMatmul, ComputesEachSlotWithItsExpertAndReadsNoOther) {
  expect_grouped<Q4_K>({1, 0, 5, 0, 13, 2, 0});
  expect_grouped<Q6_K>({0, 40, 0, 1});
  expect_grouped<Q8_0>({0, 0, 3});
}

TEST(GroupedMatmul, AppliesTheScaleOfEachExpert) {
  const Experts<Q8_0> experts(3, 40, 2, 90);
  const float scales[3] = {2.0f, 0.25f, 1.0f};
  PackedExperts<A> scaled = experts.packed;
  scaled.scales = scales;
  Groups groups({2, 7, 1}, 10);
  Tokens tokens(10, 64);
  std::vector<float> y(10 * 40), plain(10 * 40);
  Solo solo;
  const auto run = [&](const PackedExperts<A>& w, std::vector<float>& out) {
    grouped_matmul(w, groups.view(), groups.rows.data(), tokens.rows(true, 0, 10), Store<A>{out.data(), 40},
                   solo.member());
  };
  run(scaled, y);
  run(experts.packed, plain);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t expert = i / 40 < 2 ? 0 : i / 40 < 9 ? 1 : 2;
    EXPECT_EQ(y[i], plain[i] * scales[expert]);
  }
}

TEST(GroupedMatmul, NoRowsGiveNoOutput) {
  expect_grouped<Q8_0>({0, 0, 0});
}

TEST(GroupedMatmul, PairThenDownGoesThroughSlots) {
  constexpr std::size_t inner = 96;
  const std::vector<int> counts{3, 0, 9, 1};
  const Experts<Q4_K> gate(4, inner, 2, 60);
  const Experts<Q8_0> up(4, inner, 16, 70);
  const Experts<Q8_0> down(4, 64, inner / 32, 80);
  Groups groups(counts, 11);
  Tokens tokens(11, 512);
  const std::size_t slots = groups.slots();
  std::vector<Int8Group> hidden(QuantizedRows::count(slots, inner));
  const QuantizedRows hidden_rows{hidden.data(), QuantizedRows::row_groups(inner)};
  std::vector<float> y(slots * 64, NAN), want(slots * 64);
  ThreadTeam team(3);
  team.run([&](Member& m) {
    grouped_matmul_pair(gate.packed, up.packed, groups.view(), groups.rows.data(), tokens.rows(true, 0, 11),
                        GatedStore<A, QuantizedRows>{hidden_rows}, m);
    m.barrier();
    grouped_matmul(down.packed, groups.view(), nullptr, Activations{nullptr, 0, hidden_rows, slots, inner},
                   Store<A>{y.data(), 64}, m);
  });
  for (std::size_t e = 0; e < 4; ++e) {
    for (std::int32_t s = groups.offsets[e]; s < groups.offsets[e + 1]; ++s) {
      const auto at = static_cast<std::size_t>(s);
      Int8Group row[inner / 32];
      Solo solo;
      matmul_pair(make_packed_matrix(gate[e].packed), make_packed_matrix(up[e].packed),
                  tokens.rows(true, static_cast<std::size_t>(groups.rows[at]), 1),
                  GatedStore<A, QuantizedRows>{{row, inner / 32}}, solo.member());
      matmul(down[e].packed, Activations{nullptr, 0, {row, inner / 32}, 1, inner}, Store<A>{want.data() + at * 64, 64},
             solo.member());
    }
  }
  EXPECT_EQ(y, want);
}

}  // namespace
