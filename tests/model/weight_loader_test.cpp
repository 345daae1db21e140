// Weights with scale tensors: which scales the loader binds, and which it rejects.
#include "vlmt/model/weight_loader.hpp"

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/io/gguf_writer.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/testing/sweep.hpp"

#include "io/error_of.hpp"
#include "io/temp_dir.hpp"

namespace vlmt {
namespace {

using A = arch::native;

/// Scales of blk.0.attn_q.weight (64, 128) and blk.0.ffn_up_exps.weight (3, 64, 128), both NVFP4.
struct Scales {
  std::uint32_t type = F32::type_id;
  std::vector<float> matrix{0.5f};
  std::vector<float> experts{1.0f, 2.0f, -3.0f};
};

std::vector<NVFP4::Block> blocks(std::size_t values, std::uint64_t seed) {
  const std::vector<float> x = testing::gaussian(values, seed, 1.0);
  std::vector<NVFP4::Block> b(values / NVFP4::values);
  encode_row<NVFP4>(x.data(), values, b.data());
  return b;
}

std::string write(const TempDir& dir, const Scales& s) {
  GgufHeader h;
  h.set("general.architecture", "test");
  const std::string path = dir / "weights.gguf";
  h.add_tensor("blk.0.attn_q.weight", NVFP4::type_id, {128, 64});
  h.add_tensor("blk.0.attn_q.scale", s.type, {s.matrix.size()});
  h.add_tensor("blk.0.attn_q.input_scale", F32::type_id, {1});
  h.add_tensor("blk.0.ffn_up_exps.weight", NVFP4::type_id, {128, 64, 3});
  h.add_tensor("blk.0.ffn_up_exps.scale", F32::type_id, {s.experts.size()});
  h.add_tensor("plain.weight", NVFP4::type_id, {128, 64});
  GgufWriter writer(path, h);
  const float input_scale = 77.0f;
  const std::vector<NVFP4::Block> matrix = blocks(64 * 128, 1), experts = blocks(3 * 64 * 128, 2);
  writer.write(std::as_bytes(std::span(matrix)));
  writer.write(std::as_bytes(std::span(s.matrix)).first(s.matrix.size() * ggml_type_info(s.type).bytes));
  writer.write(std::as_bytes(std::span(&input_scale, 1)));
  writer.write(std::as_bytes(std::span(experts)));
  writer.write(std::as_bytes(std::span(s.experts)));
  writer.write(std::as_bytes(std::span(matrix)));
  writer.finish();
  return path;
}

std::string refusal(const Scales& s) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(write(dir, s));
  const WeightSource source(file);
  return error_of<FileError>([&] {
    source.get("blk.0.attn_q.weight", {64, 128});
    source.get("blk.0.ffn_up_exps.weight", {3, 64, 128});
  });
}

TEST(WeightLoader, BindsTheScalesOfMatricesAndExperts) {
  const TempDir dir;
  const GgufFile file = GgufFile::open(write(dir, {}));
  const WeightSource source(file);
  WeightLoader<Cpu<A>, TypeList<NVFP4>> loader;
  PackedMatrix<A> matrix, part, plain;
  PackedExperts<A> experts;
  loader.matrix(matrix, source.get("blk.0.attn_q.weight", {64, 128}));
  loader.matrix(part, source.get("blk.0.attn_q.weight", {64, 128}).rows(32, 16));
  loader.experts(experts, source.get("blk.0.ffn_up_exps.weight", {3, 64, 128}));
  loader.matrix(plain, source.get("plain.weight", {64, 128}));
  OmpTeam team(2);
  const Buffer buffer = loader.load(team, {});

  EXPECT_EQ(plain.scale, 1.0f);
  EXPECT_EQ(matrix.scale, 0.5f);
  EXPECT_EQ(part.scale, 0.5f);
  for (std::size_t e = 0; e < 3; ++e) EXPECT_EQ(experts.expert(e).scale, Scales().experts[e]);
  const std::vector<NVFP4::Block> stack = blocks(3 * 64 * 128, 2);
  float want[128], got[128];
  decode_row<NVFP4>(stack.data() + (2 * 64 + 5) * 2, 128, want);
  experts.expert(2).decode_row(5, got);
  for (std::size_t i = 0; i < 128; ++i) EXPECT_EQ(got[i], want[i] * -3.0f);
  plain.decode_row(40, want);
  part.decode_row(8, got);
  for (std::size_t i = 0; i < 128; ++i) EXPECT_EQ(got[i], want[i] * 0.5f);
}

TEST(WeightLoader, RejectsInvalidScales) {
  EXPECT_EQ(refusal({}), "");
  Scales s;
  s.matrix = {1.0f, 2.0f};
  EXPECT_NE(refusal(s).find("blk.0.attn_q.scale"), std::string::npos);
  s = {};
  s.experts = {1.0f};
  EXPECT_NE(refusal(s).find("blk.0.ffn_up_exps.scale"), std::string::npos);
  s = {};
  s.type = F16::type_id;
  EXPECT_NE(refusal(s).find("F16"), std::string::npos);
  s = {};
  s.experts[1] = std::numeric_limits<float>::infinity();
  EXPECT_NE(refusal(s).find("not finite"), std::string::npos);
}

/// A tensor (2, 256) of this type made in memory, with `bytes` bytes.
SourceTensor in_memory(std::uint32_t type, std::size_t bytes) {
  const auto data = std::make_shared<std::vector<std::byte>>(bytes);
  SourceTensor s;
  s.file = "memory";
  s.tensor.name = "x.weight";
  s.tensor.type_id = type;
  s.tensor.rank = 2;
  s.tensor.shape = {2, 256, 1, 1};
  s.tensor.bytes = *data;
  s.tensor.owner = data;
  return s;
}

TEST(WeightLoader, RefusesBytesThatAreNotThoseOfTheShape) {
  WeightLoader<Cpu<A>, TypeList<F32, NVFP4>> loader;
  PackedMatrix<A> matrix;
  const float* vector = nullptr;
  const auto refusal = [](auto&& f) { return error_of<FileError>(f); };
  constexpr std::size_t right = 2 * 256 / NVFP4::values * sizeof(NVFP4::Block);
  EXPECT_EQ(refusal([&] { loader.matrix(matrix, in_memory(NVFP4::type_id, right)); }), "");
  for (const std::size_t wrong : {right - sizeof(NVFP4::Block), right + sizeof(NVFP4::Block), right - 1}) {
    const std::string said = refusal([&] { loader.matrix(matrix, in_memory(NVFP4::type_id, wrong)); });
    EXPECT_NE(said.find("memory: offset 0: `x.weight`: the bytes of the tensor are not those of its shape"),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("found " + std::to_string(wrong) + " bytes"), std::string::npos) << said;
  }
  EXPECT_NE(refusal([&] { loader.vector(vector, in_memory(F32::type_id, 4)); }).find("are not those"),
            std::string::npos);
  // The bytes of a tensor that is converted are checked, too.
  EXPECT_NE(refusal([&] { loader.matrix(matrix, in_memory(F16::type_id, 4), NVFP4::type_id); }).find("are not those"),
            std::string::npos);
}

TEST(WeightLoader, RefusesAVectorOfAnUnknownFormatByName) {
  WeightLoader<Cpu<A>, TypeList<F32>> loader;
  const float* vector = nullptr;
  constexpr std::uint32_t iq2_xxs = 16;
  const std::string said = error_of<FileError>([&] { loader.vector(vector, in_memory(iq2_xxs, 132)); });
  EXPECT_NE(said.find("memory: offset 0: `x.weight`: tensors of this format cannot be decoded"), std::string::npos)
      << said;
  EXPECT_NE(said.find("found IQ2_XXS"), std::string::npos) << said;
}

}  // namespace
}  // namespace vlmt
