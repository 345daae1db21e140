// KV cache rows in F16 have the bits of the scalar conversion, on every arch and at every length. Values beyond 65504
// saturate instead (tested in kv_format_test.cpp).
#include <cstddef>
#include <cstring>
#include <vector>

#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/numeric/float16.hpp"

#include "kernel_check.hpp"
#include "kv_leaves.hpp"

const vlmt::KvLeaf& vlmt_test::kv_half_leaf(std::string_view format, std::string_view arch) {
  return find_kv_leaf<KvHalves>(format, arch);
}

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class KvHalvesOn : public ::testing::Test {};
TYPED_TEST_SUITE(KvHalvesOn, Archs);

TYPED_TEST(KvHalvesOn, HaveTheBitsOfTheScalarConversion) {
  const KvLeaf& leaf = kv_leaf<F16, TypeParam>();
  for (const std::size_t dim : {1u, 7u, 16u, 33u, 80u}) {
    for (const float scale : {1.0f, 1e-4f, 1e-7f, 1e4f}) {
      const std::vector<float> x = gaussian(dim, 17, scale);
      std::vector<float16> row(dim);
      std::vector<float> y(dim);
      leaf.store(x.data(), dim, reinterpret_cast<std::byte*>(row.data()));
      leaf.load(reinterpret_cast<const std::byte*>(row.data()), 0, 1, dim, y.data());
      for (std::size_t i = 0; i < dim; ++i) {
        EXPECT_EQ(row[i].bits, float16(x[i]).bits) << x[i];
        EXPECT_EQ(y[i], static_cast<float>(row[i])) << x[i];
      }
    }
  }
}

}  // namespace
