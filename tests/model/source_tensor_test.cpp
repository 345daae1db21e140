// Parts of tensors of files: columns that are cut out, and tensors that are joined.
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/quant/q8_0.hpp"
#include "vlmt/quant/row.hpp"

namespace vlmt {
namespace source_tensor_test {
namespace {

/// A matrix (rows, cols) with the values first, first + 1, ...
SourceTensor matrix(std::uint32_t type, std::size_t rows, std::size_t cols, float first) {
  std::vector<float> x(rows * cols);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = first + static_cast<float>(i);
  std::vector<std::byte> blocks(row_bytes(type, x.size()));
  encode_row(type, x.data(), x.size(), blocks.data());
  SourceTensor s;
  s.file = "a.gguf";
  s.tensor.name = "w";
  s.tensor.type_id = type;
  s.tensor.rank = 2;
  s.tensor.shape = {rows, cols, 1, 1};
  s.own(std::move(blocks));
  return s;
}

std::vector<float> values(const SourceTensor& s) {
  std::vector<float> x(s.tensor.count());
  decode_row(s.tensor.type_id, s.tensor.bytes.data(), x.size(), x.data());
  return x;
}

TEST(SourceTensor, ColumnsAreCutOut) {
  const SourceTensor part = matrix(F32::type_id, 3, 4, 0).columns(1, 2);
  EXPECT_EQ(values(part), (std::vector<float>{1, 2, 5, 6, 9, 10}));
  EXPECT_EQ(part.tensor.columns(), 2u);
  const SourceTensor whole = matrix(Q8_0::type_id, 2, 96, 0), blocks = whole.columns(32, 64);
  const std::vector<float> all = values(whole), got = values(blocks);
  for (std::size_t r = 0; r < 2; ++r) {
    for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(got[r * 64 + i], all[r * 96 + 32 + i]);
  }
  EXPECT_THROW(whole.columns(16, 32), FileError);
  EXPECT_THROW(whole.columns(0, 48), FileError);
  EXPECT_THROW(whole.columns(64, 64), FileError);
}

TEST(SourceTensor, MatricesAndVectorsAreJoined) {
  const std::vector<SourceTensor> matrices = {matrix(F32::type_id, 1, 2, 0), matrix(F32::type_id, 2, 2, 10)};
  const SourceTensor joined = SourceTensor::joined(matrices);
  EXPECT_EQ(values(joined), (std::vector<float>{0, 1, 10, 11, 12, 13}));
  EXPECT_EQ(joined.tensor.rows(), 3u);
  const std::vector<SourceTensor> vectors = {SourceTensor::of({1, 2}, ""), SourceTensor::of({3, 4}, "")};
  EXPECT_EQ(values(SourceTensor::joined(vectors)), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(SourceTensor::joined(vectors).tensor.rank, 1u);
  for (const SourceTensor& other : {matrix(F32::type_id, 1, 3, 0), matrix(F16::type_id, 1, 2, 0)}) {
    EXPECT_THROW(SourceTensor::joined(std::vector<SourceTensor>{matrices[0], other}), FileError);
  }
}

}  // namespace
}  // namespace source_tensor_test
}  // namespace vlmt
