// Scale tensors of the embedding and the head: their effect, and scales without a matrix.
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "golden_case.hpp"
#include "io/error_of.hpp"
#include "io/temp_dir.hpp"
#include "model/edited_gguf.hpp"

namespace vlmt {
namespace scale_test {
namespace {

std::vector<float> file_logits(const std::string& path) {
  OmpTeam team(2);
  auto model = Vlm<Qwen3VL>::open(path);
  model.load(team);
  RunnerOptions options;
  options.context = 64;
  options.chunk = 8;
  options.numerics = Numerics::exact;
  Runner<Qwen3VL, OmpTeam> runner(model, team, options);
  Sequence s;
  for (int token : {1, 200, 33}) s.append(token);
  runner.feed(s);
  const auto logits = runner.logits();
  return {logits.begin(), logits.end()};
}

/// The values of a matrix times `factor`.
std::vector<float> scaled(const GgufFile& file, const std::string& name, float factor) {
  const GgufTensor& t = file.require_tensor(name);
  std::vector<float> x(static_cast<std::size_t>(t.elements()));
  decode_row(t.type, t.data.data(), x.size(), x.data());
  for (float& v : x) v *= factor;
  return x;
}

class Scales : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { testing::write_tiny_model<NVFP4>({.tied_head = tied()}, path_); }
  bool tied() const { return GetParam(); }

  /// Expects the same logits from a file with these scales and from one with premultiplied matrices.
  void expect_same(float embedding, float head) {
    EditedGguf scaled_file(path_), plain(path_);
    const auto apply = [&](const std::string& name, float factor) {
      const GgufTensor& t = plain.file().require_tensor(name + ".weight");
      scaled_file.set_tensor(name + ".scale", {1}, {factor});
      plain.set_tensor(name + ".weight", {t.ne[0], t.ne[1]}, scaled(plain.file(), name + ".weight", factor));
    };
    apply("token_embd", embedding);
    if (!tied()) apply("output", head);
    const std::vector<float> got = file_logits(scaled_file.write(dir_ / "scaled.gguf"));
    const std::vector<float> want = file_logits(plain.write(dir_ / "plain.gguf"));
    EXPECT_LT(golden::relative_error(got, want), 2e-6);
    EXPECT_GT(golden::relative_error(got, file_logits(path_)), 1e-2);
  }

  TempDir dir_;
  std::string path_ = dir_ / "model.gguf";
};

TEST_P(Scales, MultiplyTheEmbeddingAndTheHead) {
  expect_same(0.37f, 2.5f);
}

INSTANTIATE_TEST_SUITE_P(Heads, Scales, ::testing::Bool(),
                         [](const auto& tied) { return tied.param ? "Tied" : "Untied"; });

TEST(OrphanedScales, AreRefusedByName) {
  const TempDir dir;
  const std::string path = dir / "model.gguf", edited = dir / "edited.gguf";
  testing::write_tiny_model<NVFP4>({}, path);
  // A tied model has no head; a name with an extra ".weight"; the file has q, k and v but no fused matrix.
  for (const char* name : {"output", "blk.0.ffn_gate.weight", "blk.0.attn_qkv"}) {
    EditedGguf(path).set_tensor(std::string(name) + ".scale", {1}, {2.0f}).write(edited);
    const std::string said = error_of<FileError>([&] { Vlm<Qwen3VL>::open(edited); });
    EXPECT_NE(said.find(edited), std::string::npos) << said;
    EXPECT_NE(said.find("`" + std::string(name) + ".scale`"), std::string::npos) << said;
    EXPECT_NE(said.find("expected a tensor " + std::string(name) + ".weight beside it"), std::string::npos) << said;
  }
  EditedGguf(path).set_tensor("blk.0.attn_q.input_scale", {1}, {2.0f}).write(edited);
  EXPECT_EQ(error_of<FileError>([&] { Vlm<Qwen3VL>::open(edited); }), "");
}

}  // namespace
}  // namespace scale_test
}  // namespace vlmt
