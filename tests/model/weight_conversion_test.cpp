// Conversion of float weights to block formats on load.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/io/gguf_writer.hpp"
#include "vlmt/kernel/matmul_instances.hpp"
#include "vlmt/model/weight_loader.hpp"
#include "vlmt/testing/sweep.hpp"

#include "io/temp_dir.hpp"

namespace vlmt {
namespace {

using A = arch::native;
using Formats = TypeList<F16, Q8_0>;

/// A file with F16 matrices `whole` (rows, 96) and `odd` (rows, 80).
std::string write(const TempDir& dir, std::size_t rows, std::vector<float16>& whole, std::vector<float16>& odd) {
  GgufHeader h;
  h.set("general.architecture", "test");
  h.add_tensor("whole", F16::type_id, {96, rows});
  h.add_tensor("odd", F16::type_id, {80, rows});
  const std::string path = dir / "weights.gguf";
  GgufWriter writer(path, h);
  for (auto* matrix : {&whole, &odd}) {
    const std::vector<float> x = testing::gaussian(rows * (matrix == &whole ? 96 : 80), 3, 1.0);
    matrix->clear();
    for (float v : x) matrix->push_back(float16(v));
    writer.write(std::as_bytes(std::span(*matrix)));
  }
  writer.finish();
  return path;
}

TEST(WeightConversion, ConvertedWeightsEqualTheEncodersBlocks) {
  for (const std::size_t rows : {1u, 16u, 53u}) {
    const TempDir dir;
    std::vector<float16> whole, odd;
    const GgufFile file = GgufFile::open(write(dir, rows, whole, odd));
    const WeightSource source(file);
    WeightLoader<Cpu<A>, Formats> loader;
    PackedMatrix<A> converted, kept, plain;
    loader.matrix(converted, source.get("whole", {rows, 96}), Q8_0::type_id);
    loader.matrix(kept, source.get("odd", {rows, 80}), Q8_0::type_id);
    loader.matrix(plain, source.get("whole", {rows, 96}));
    OmpTeam team(3);
    const Buffer buffer = loader.load(team, {});
    EXPECT_EQ(converted.format(), "Q8_0");
    EXPECT_EQ(kept.format(), "F16") << "80 values are not a whole number of blocks";
    EXPECT_EQ(plain.format(), "F16");
    std::vector<float> row(96), want(96), got(96);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < 96; ++i) row[i] = static_cast<float>(whole[r * 96 + i]);
      std::vector<Q8_0::Block> blocks(3);
      encode_row<Q8_0>(row.data(), 96, blocks.data());
      decode_row<Q8_0>(blocks.data(), 96, want.data());
      converted.decode_row(r, got.data());
      EXPECT_EQ(got, want) << r;
      plain.decode_row(r, got.data());
      EXPECT_EQ(got, row) << r;
    }
  }
}

TEST(WeightConversion, QuantisedWeightsAreNotConverted) {
  const TempDir dir;
  const std::vector<float> x = testing::gaussian(16 * 32, 3, 1.0);
  std::vector<Q8_0::Block> blocks(16);
  encode_row<Q8_0>(x.data(), x.size(), blocks.data());
  GgufHeader h;
  h.set("general.architecture", "test");
  h.add_tensor("w", Q8_0::type_id, {32, 16});
  const std::string path = dir / "weights.gguf";
  GgufWriter writer(path, h);
  writer.write(std::as_bytes(std::span(blocks)));
  writer.finish();
  const GgufFile file = GgufFile::open(path);
  WeightLoader<Cpu<A>, Formats> loader;
  PackedMatrix<A> w;
  loader.matrix(w, WeightSource(file).get("w", {16, 32}), F16::type_id);
  OmpTeam team(1);
  const Buffer buffer = loader.load(team, {});
  EXPECT_EQ(w.format(), "Q8_0");
}

}  // namespace
}  // namespace vlmt
