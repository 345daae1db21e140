// Products of query rows with encoded KV rows, computed in registers, against products with decoded rows. Leaves
// process several rows and keys at a time, so counts around these sizes are tested.
#include <cstddef>
#include <vector>

#include "vlmt/kernel/kv_view.hpp"

#include "kernel_check.hpp"
#include "kv_leaves.hpp"

const vlmt::KvLeaf& vlmt_test::kv_block_leaf(std::string_view format, std::string_view arch) {
  return find_kv_leaf<KvBlocks>(format, arch);
}

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class KvProducts : public ::testing::Test {};
TYPED_TEST_SUITE(KvProducts, Archs);

void check_products(const KvLeaf& leaf) {
  if (leaf.dot == nullptr) return;
  for (const std::size_t dim : {64u, 72u, 128u}) {
    if (!leaf.fits(dim)) continue;
    for (const std::size_t n : {1u, 3u, 4u, 7u, 8u, 13u, 16u, 21u}) {
      const std::size_t stride = leaf.row_bytes(dim);
      std::vector<std::byte> rows(n * stride);
      const std::vector<float> x = gaussian(n * dim, 3, 1.0f);
      std::vector<float> decoded(n * dim);
      for (std::size_t j = 0; j < n; ++j) leaf.store(x.data() + j * dim, dim, rows.data() + j * stride);
      leaf.load(rows.data(), stride, n, dim, decoded.data());
      for (const std::size_t queries : {1u, 2u, 3u, 5u, 8u}) {
        const std::vector<float> q = gaussian(queries * dim, 5, 1.0f);
        std::vector<float> s(queries * 32, -9.0f), o(queries * dim, 0.5f);
        leaf.dot(q.data(), queries, dim, rows.data(), stride, n, s.data(), 32);
        leaf.weigh(s.data(), 32, queries, dim, rows.data(), stride, n, o.data());
        for (std::size_t r = 0; r < queries; ++r) {
          std::vector<double> weighed(dim, 0.5), magnitude(dim, 0.5);
          for (std::size_t j = 0; j < n; ++j) {
            double dot = 0.0, size = 0.0;
            for (std::size_t i = 0; i < dim; ++i) {
              const double product = static_cast<double>(q[r * dim + i]) * static_cast<double>(decoded[j * dim + i]);
              dot += product;
              size += std::fabs(product);
              const double weight = static_cast<double>(s[r * 32 + j]) * static_cast<double>(decoded[j * dim + i]);
              weighed[i] += weight;
              magnitude[i] += std::fabs(weight);
            }
            EXPECT_NEAR(s[r * 32 + j], dot, size * 1e-6) << leaf.name << " " << dim << " " << n << " " << queries;
          }
          for (std::size_t j = n; j < 32; ++j) EXPECT_EQ(s[r * 32 + j], -9.0f);
          for (std::size_t i = 0; i < dim; ++i) {
            EXPECT_NEAR(o[r * dim + i], weighed[i], magnitude[i] * 2e-6) << leaf.name << " " << dim << " " << n;
          }
        }
      }
    }
  }
}

TYPED_TEST(KvProducts, EqualThoseOfDecodedRows) {
  for_each_type(formats::cache{}, []<class Format>(TypeTag<Format>) { check_products(kv_leaf<Format, TypeParam>()); });
}

}  // namespace
