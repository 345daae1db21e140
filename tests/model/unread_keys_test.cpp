// Files whose keys or tensors would change the results of a model without being read: refused by name.
#include "vlmt/model/unread_keys.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "io/error_of.hpp"
#include "io/temp_dir.hpp"
#include "model/edited_gguf.hpp"

namespace vlmt {
namespace {

class UnreadKeys : public ::testing::Test {
 protected:
  UnreadKeys() {
    testing::write_tiny_model({}, model_);
    testing::write_tiny_mmproj({}, mmproj_);
  }

  /// The message of the error that opening the edited model throws; "" if none.
  std::string refusal(const EditedGguf& edited) {
    return error_of<FileError>([&] { Vlm<Qwen3VL>::open(edited.write(dir_ / "edited.gguf")); });
  }
  /// The same for the tiny model with one more key.
  template <class T>
  std::string refusal(const std::string& key, const T& value) {
    return refusal(EditedGguf(model_).set("qwen3vl." + key, value));
  }
  /// Expects that the key is refused by its name.
  template <class T>
  void expect_refusal(const std::string& key, const T& value) {
    const std::string said = refusal(key, value);
    EXPECT_NE(said.find("edited.gguf"), std::string::npos) << key << ": " << said;
    EXPECT_NE(said.find("`qwen3vl." + key + "`"), std::string::npos) << key << ": " << said;
  }

  TempDir dir_;
  std::string model_ = dir_ / "model.gguf";
  std::string mmproj_ = dir_ / "mmproj.gguf";
};

TEST_F(UnreadKeys, ScaledRotaryPositionsAreRefused) {
  const auto scaled = [&](const std::string& type, float factor) {
    return refusal(EditedGguf(model_)
                       .set("qwen3vl.rope.scaling.type", type)
                       .set("qwen3vl.rope.scaling.factor", factor)
                       .set("qwen3vl.rope.scaling.original_context_length", std::uint32_t{4096}));
  };
  EXPECT_NE(scaled("yarn", 4.0f).find("`qwen3vl.rope.scaling.factor`"), std::string::npos) << scaled("yarn", 4.0f);
  EXPECT_NE(scaled("yarn", 4.0f).find("found 4"), std::string::npos) << scaled("yarn", 4.0f);
  EXPECT_NE(scaled("linear", 2.0f).find("`qwen3vl.rope.scaling.factor`"), std::string::npos);
  EXPECT_NE(scaled("longrope", 1.0f).find("`qwen3vl.rope.scaling.type`"), std::string::npos);
  EXPECT_EQ(scaled("none", 4.0f), "");
  EXPECT_EQ(scaled("yarn", 1.0f), "");
  expect_refusal("rope.scaling.factor", 4.0f);  // without a type it is linear
  expect_refusal("rope.scaling.attn_factor", 1.2f);
  expect_refusal("rope.scaling.low_freq_factor", 1.0f);  // of no known mechanism
  expect_refusal("rope.scale_linear", 8.0f);
  expect_refusal("rope.dimension_count", std::uint32_t{32});
  EXPECT_EQ(refusal("rope.dimension_count", std::uint32_t{64}), "");
}

TEST_F(UnreadKeys, OtherMechanismsAreRefused) {
  expect_refusal("attention.sliding_window", std::uint32_t{512});
  expect_refusal("attention.sliding_window_pattern", std::uint32_t{6});
  expect_refusal("attn_logit_softcapping", 50.0f);
  expect_refusal("final_logit_softcapping", 30.0f);
  expect_refusal("attention.scale", 0.5f);
  expect_refusal("attention.clamp_kqv", 8.0f);
  expect_refusal("attention.causal", false);
  expect_refusal("logit_scale", 0.25f);
  expect_refusal("residual_scale", 0.2f);
  expect_refusal("embedding_scale", 12.0f);
  expect_refusal("expert_weights_norm", false);
  expect_refusal("expert_weights_scale", 2.5f);
  expect_refusal("expert_gating_func", std::uint32_t{2});
  expect_refusal("expert_shared_count", std::uint32_t{1});
  expect_refusal("use_parallel_residual", true);
  expect_refusal("ssm.conv_kernel", std::uint32_t{4});
}

TEST_F(UnreadKeys, ValuesThatChangeNothingAreAccepted) {
  EXPECT_EQ(refusal("attention.sliding_window", std::uint32_t{0}), "");
  EXPECT_EQ(refusal("attention.sliding_window", std::uint32_t{1} << 30), "");
  EXPECT_EQ(refusal("attention.scale", 0.125f), "");  // heads of 64
  EXPECT_EQ(refusal("logit_scale", 0.0f), "");
  EXPECT_EQ(refusal("attention.causal", true), "");
  EXPECT_EQ(refusal("expert_gating_func", std::uint32_t{1}), "");
}

TEST_F(UnreadKeys, UnknownKeysGiveAWarning) {
  EXPECT_TRUE(Vlm<Qwen3VL>::open(model_).warnings().empty());
  const std::string file = EditedGguf(model_).set("qwen3vl.new_idea", 0.5f).write(dir_ / "new.gguf");
  const auto warnings = Vlm<Qwen3VL>::open(file).warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("new.gguf"), std::string::npos) << warnings[0];
  EXPECT_NE(warnings[0].find("qwen3vl.new_idea"), std::string::npos) << warnings[0];
}

TEST_F(UnreadKeys, TensorsThatNoPartReadsAreRefused) {
  const std::vector<float> ones(256, 1.0f);
  for (const char* name : {"rope_freqs.weight", "blk.0.attn_q.bias", "blk.2.attn_norm.weight"}) {
    const std::string said = refusal(EditedGguf(model_).set_tensor(name, {256}, ones));
    EXPECT_NE(said.find("`" + std::string(name) + "`"), std::string::npos) << said;
  }
}

TEST_F(UnreadKeys, OneFileModelsOfOllamaAreNamed) {
  EditedGguf by_key(model_), by_tensor(model_);
  by_key.erase("qwen3vl.rope.dimension_sections").set("qwen3vl.vision.block_count", std::uint32_t{7});
  by_tensor.erase("qwen3vl.rope.dimension_sections").set_tensor("v.blk.0.attn_q.weight", {4}, {0, 0, 0, 0});
  for (const EditedGguf* file : {&by_key, &by_tensor}) {
    const std::string said = refusal(*file);
    EXPECT_NE(said.find("Ollama"), std::string::npos) << said;
    EXPECT_NE(said.find("mmproj"), std::string::npos) << said;
  }
}

TEST_F(UnreadKeys, AnMmprojFileIsNoModel) {
  const std::string said = error_of<FileError>([&] { Vlm<Qwen3VL>::open(mmproj_); });
  EXPECT_NE(said.find("this is a vision encoder (mmproj) file"), std::string::npos) << said;
}

TEST_F(UnreadKeys, VisionKeysAreRefused) {
  for (const char* key : {"clip.use_silu", "clip.vision.n_wa_pattern"}) {
    EditedGguf edited(mmproj_);
    if (std::string(key) == "clip.use_silu") {
      edited.set(key, true);
    } else {
      edited.set(key, std::uint32_t{8});
    }
    const std::string file = edited.write(dir_ / "edited-mmproj.gguf");
    const std::string said = error_of<FileError>([&] { Vlm<Qwen3VL>::open(model_, file); });
    EXPECT_NE(said.find("`" + std::string(key) + "`"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace vlmt
