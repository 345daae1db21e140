// Parts that depend on keys of the file, the layer and weights of its own: against the same model in double, on every
// arch.
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/isolated.hpp"

#include "double_model.hpp"
#include "golden_case.hpp"
#include "kernel/swept_archs.hpp"
#include "model/edited_gguf.hpp"

namespace vlmt {
namespace variant_parts_test {
namespace {

using vlmt_test::DoubleModel;
using vlmt_test::DoubleVariant;
using vlmt_test::Row;

/// Everything that can be changed: soft cap, windows in every second layer, sinks, biases, another scale; a router with
/// sigmoid scores, a bias, groups and a factor; one rotary position.
template <class B>
struct Changed : Qwen3VL {
  using Backend = B;
  using Formats = TypeList<F32, BF16>;
  using KvFormat = F32;
  struct Config : TextConfig {
    float cap = 0.0f;
    float scale = 0.0f;
    int window = 0;
    std::size_t pattern = 1;
    std::size_t groups = 1, groups_used = 1;
    float expert_scale = 1.0f;
  };
  static constexpr std::array<std::string_view, 8> own_keys{
      "attn_logit_softcapping",   "attention.scale",
      "attention.sliding_window", "attention.sliding_window_pattern",
      "expert_group_count",       "expert_group_used_count",
      "expert_weights_scale",     "expert_gating_func"};
  static Config read_config(const GgufFile& file) {
    Config c{read_text_config(file, architectures, own_keys)};
    const std::string a = c.architecture + ".";
    c.cap = file.require<float>(a + "attn_logit_softcapping");
    c.scale = file.require<float>(a + "attention.scale");
    c.window = file.require<std::int32_t>(a + "attention.sliding_window");
    c.pattern = file.require<std::uint32_t>(a + "attention.sliding_window_pattern");
    if (c.experts == 0) return c;
    c.groups = file.require<std::uint32_t>(a + "expert_group_count");
    c.groups_used = file.require<std::uint32_t>(a + "expert_group_used_count");
    c.expert_scale = file.require<float>(a + "expert_weights_scale");
    return c;
  }

  struct LayerState {
    const float* sinks = nullptr;
    const float* router_bias = nullptr;
  };
  template <class Loader>
  static void load_layer(LayerState& state, const Config& c, std::size_t layer, const WeightSource& source,
                         Loader& loader) {
    loader.vector(state.sinks, source.get(names.layer(layer, "attn_sinks.weight"), {c.heads}));
    if (c.experts == 0) return;
    loader.vector(state.router_bias, source.get(names.layer(layer, "exp_probs_b.bias"), {c.experts}));
  }

  static auto attention(const Config& c, std::size_t layer, const LayerState& state) noexcept {
    SinkLogits<SoftCapped<Windowed>> variant;
    variant.cap = c.cap;
    variant.window = layer % c.pattern == 0 ? c.window : 0;
    variant.sinks = state.sinks;
    return variant;
  }
  static float attention_scale(const Config& c, std::size_t) noexcept { return c.scale; }

  using Router = GroupedRouter<SigmoidScores, true>;
  static Router router(const Config& c, std::size_t, const LayerState& state) noexcept {
    Router r;
    r.bias = state.router_bias;
    r.groups = c.groups;
    r.groups_used = c.groups_used;
    r.scale = c.expert_scale;
    return r;
  }

  static constexpr bool has_qkv_bias = true;
  using Rotary = Rope1d<>;
  static Rotary rotary(const TextConfig&) noexcept { return {}; }
};

const DoubleVariant in_double{.sigmoid_scores = true,
                              .window_of = [](std::size_t layer) { return layer % 2 == 0 ? 3 : 0; },
                              .scale = 0.2,
                              .cap = 1.5,
                              .groups = 4,
                              .groups_used = 2,
                              .expert_scale = 2.5};

/// A golden model with the keys and tensors of Changed.
class ChangedFile {
 public:
  explicit ChangedFile(const std::string& name)
      : path(::testing::TempDir() + "vlmt_changed_" + name + std::to_string(::getpid()) + ".gguf") {
    EditedGguf file(golden::folder(name) + "/model.gguf");
    const std::string a = file.file().require<std::string>("general.architecture") + ".";
    file.set(a + "attn_logit_softcapping", 1.5f).set(a + "attention.scale", 0.2f);
    file.set(a + "attention.sliding_window", std::int32_t{3})
        .set(a + "attention.sliding_window_pattern", std::uint32_t{2});
    file.set(a + "expert_group_count", std::uint32_t{4}).set(a + "expert_group_used_count", std::uint32_t{2});
    file.set(a + "expert_weights_scale", 2.5f).set(a + "expert_gating_func", std::uint32_t{2});
    const TextConfig c = read_config<Qwen3VL>(GgufFile::open(golden::folder(name) + "/model.gguf"));
    std::mt19937 random(7);
    const auto add = [&](std::size_t layer, const char* tensor, std::size_t n, float size) {
      std::uniform_real_distribution<float> values(-size, size);
      std::vector<float> x(n);
      for (float& v : x) v = values(random);
      file.set_tensor(DecoderNames{}.layer(layer, tensor), {n}, x);
    };
    for (std::size_t l = 0; l < c.layers; ++l) {
      add(l, "attn_sinks.weight", c.heads, 2.0f);
      add(l, "attn_q.bias", c.heads * c.head_dim, 0.5f);
      add(l, "attn_k.bias", c.kv_heads * c.head_dim, 0.5f);
      add(l, "attn_v.bias", c.kv_heads * c.head_dim, 0.5f);
      if (c.experts != 0) add(l, "exp_probs_b.bias", c.experts, 0.3f);
    }
    file.write(path);
  }
  std::string path;
};

const std::vector<int> prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/// Logits after the prompt: fed in chunks, its last tokens decoded.
template <class M>
std::vector<float> logits(const std::string& path) {
  Vlm<M> model = Vlm<M>::open(path);
  OmpTeam team(2);
  model.load(team);
  Runner<M, OmpTeam> runner(model, team, {.context = 64, .chunk = 4, .numerics = Numerics::exact});
  Sequence s(position_rule_of<M>());
  for (std::size_t i = 0; i + 2 < prompt.size(); ++i) s.append(prompt[i]);
  runner.feed(s);
  runner.decode(prompt[prompt.size() - 2]);
  runner.decode(prompt.back());
  return {runner.logits().begin(), runner.logits().end()};
}

double error(const std::vector<float>& got, const Row& want) {
  const Row row = Eigen::Map<const Eigen::RowVectorXf>(got.data(), want.size()).cast<double>();
  return (row - want).norm() / want.norm();
}

template <class Arch>
class VariantParts : public ::testing::Test {};
template <class List>
struct WithReference;
template <class... As>
struct WithReference<TypeList<As...>> {
  using type = ::testing::Types<arch::reference, As...>;
};
TYPED_TEST_SUITE(VariantParts, WithReference<vlmt_test::SweptArchs>::type);

TYPED_TEST(VariantParts, ComeFromFileAndLayer) {
  for (const char* name : {"qwen3vl", "qwen3vl-moe"}) {
    const ChangedFile file(name);
    const Row want = DoubleModel(file.path).logits(prompt, in_double);
    EXPECT_LT(error(logits<Changed<Cpu<TypeParam>>>(file.path), want), 1e-5) << name;
    // Each part counts.
    for (int part = 0; part < 6; ++part) {
      DoubleVariant other = in_double;
      if (part == 0) other.window_of = {};
      if (part == 1) other.cap = 0.0;
      if (part == 2) other.scale = 0.0;
      if (part == 3) other.groups_used = 4;
      if (part == 4) other.expert_scale = 1.0;
      if (part == 5) other.sigmoid_scores = false;
      if (part >= 3 && std::string(name) == "qwen3vl") break;
      const Row without = DoubleModel(file.path).logits(prompt, other);
      EXPECT_GT((without - want).norm() / want.norm(), 1e-4) << name << " " << part;
    }
  }
}

TEST(VariantPartsIsolated, HaveTheBitsOfTheCpu) {
  const ChangedFile file("qwen3vl-moe");
  EXPECT_EQ(logits<Changed<::vlmt::testing::Isolated<>>>(file.path), logits<Changed<Cpu<>>>(file.path));
}

TEST(VariantPartsKeys, AreRefusedByFamiliesThatDoNotReadThem) {
  const ChangedFile file("qwen3vl");
  EXPECT_THROW(Vlm<Qwen3VL>::open(file.path), FileError);
  EXPECT_THROW(Vlm<Changed<Cpu<>>>::open(golden::folder("qwen3vl") + "/model.gguf"), FileError);
}

struct OnePosition : Qwen3VL {
  using KvFormat = F32;
  using Rotary = Rope1d<>;
  static Rotary rotary(const TextConfig&) noexcept { return {}; }
};

TEST(VariantPartsRope, OnePositionIsRightForText) {
  const std::string path = golden::folder("qwen3vl") + "/model.gguf";
  EXPECT_EQ(Decoder<OnePosition>::axes, 1u);
  EXPECT_LT(error(logits<OnePosition>(path), DoubleModel(path).logits(prompt, {})), 1e-5);
  Sequence s(position_rule_of<OnePosition>());
  s.append(3);
  s.append(ContentKey{1, 2}, 2, 3, 0, 9);
  s.append(4);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(s.positions(0)[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace variant_parts_test
}  // namespace vlmt
