// A decode step of a mixture of experts while the experts that it does not choose hold NaN and are inaccessible.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"

#include "golden_case.hpp"

namespace vlmt {
namespace moe_experts_test {
namespace {

/// Collects the chosen experts of each layer.
struct Chosen {
  std::vector<std::set<std::int32_t>>* layers;
  void router(std::size_t layer, TensorView<const std::int32_t, 2> experts, TensorView<const float, 2>) const {
    layers->resize(std::max(layers->size(), layer + 1));
    (*layers)[layer].insert(experts.data(), experts.data() + experts.count());
  }
};

/// Fills the whole pages of a memory range with NaN (all bits set) and makes them inaccessible while it lives.
class Hidden {
 public:
  Hidden(const std::byte* begin, std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    const std::uintptr_t from = round_up(first, page);
    const std::uintptr_t to = (first + bytes) / page * page;
    data_ = const_cast<std::byte*>(begin) + (from - first);
    saved_.assign(data_, data_ + (to - from));
    std::memset(data_, 0xff, saved_.size());
    EXPECT_EQ(::mprotect(data_, saved_.size(), PROT_NONE), 0);
  }
  Hidden(Hidden&& other) noexcept : data_(other.data_), saved_(std::move(other.saved_)) { other.saved_.clear(); }
  Hidden& operator=(Hidden&&) = delete;
  ~Hidden() {
    if (saved_.empty()) return;
    EXPECT_EQ(::mprotect(data_, saved_.size(), PROT_READ | PROT_WRITE), 0);
    std::copy(saved_.begin(), saved_.end(), data_);
  }

 private:
  std::byte* data_ = nullptr;
  std::vector<std::byte> saved_;
};

TEST(MoeExperts, ADecodeStepReadsOnlyTheChosenExperts) {
  using Model = ChatModel<Qwen3VL>;
  Model model = Model::open(golden::folder("qwen3vl-moe") + "/model.gguf");
  OmpTeam team(2);
  model.load(team);
  const TextConfig& config = model.vlm().config();
  for (const Numerics numerics : {Numerics::exact, Numerics::fast}) {
    std::vector<std::set<std::int32_t>> chosen;
    Runner<Qwen3VL, OmpTeam, Chosen> runner(model.vlm(), team, {.context = 64, .numerics = numerics}, {&chosen});
    Sequence prompt;
    for (const int token : {1, 2, 3}) prompt.append(token);
    runner.feed(prompt);
    chosen.clear();
    runner.decode(17);
    const std::vector<float> want(runner.logits().begin(), runner.logits().end());
    ASSERT_EQ(chosen.size(), config.layers);

    runner.truncate(prompt.size());
    std::vector<Hidden> hidden;
    for (std::size_t l = 0; l < config.layers; ++l) {
      ASSERT_EQ(chosen[l].size(), config.experts_used);
      const auto& moe = model.vlm().decoder().layers()[l].moe;
      for (std::size_t e = 0; e < config.experts; ++e) {
        if (chosen[l].contains(static_cast<std::int32_t>(e))) continue;
        for (const auto* stack : {&moe.gate, &moe.up, &moe.down}) {
          const auto expert = stack->expert(e);
          hidden.emplace_back(expert.data, expert.bytes());
        }
      }
    }
    EXPECT_EQ(hidden.size(), config.layers * (config.experts - config.experts_used) * 3);
    runner.decode(17);
    EXPECT_TRUE(std::equal(want.begin(), want.end(), runner.logits().begin())) << name(numerics);
  }
}

}  // namespace
}  // namespace moe_experts_test
}  // namespace vlmt
