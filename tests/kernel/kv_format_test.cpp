// KV cache rows in every format: encoders and decoders of every arch against the scalar code of the formats.
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/kernel/kv_view.hpp"

#include "kernel_check.hpp"
#include "kv_leaves.hpp"

const vlmt::KvLeaf& vlmt_test::kv_number_leaf(std::string_view format, std::string_view arch) {
  return find_kv_leaf<KvNumbers>(format, arch);
}

namespace {

using namespace vlmt;
using namespace vlmt_test;

template <class Arch>
class KvFormat : public ::testing::Test {};
TYPED_TEST_SUITE(KvFormat, Archs);

/// Maximum error of a stored value, relative to the largest magnitude of its block (to itself for F16 and BF16).
double step(const KvLeaf& leaf) {
  if (leaf.name == "F32") return 0.0;
  if (leaf.name == "F16") return 0x1p-11;
  if (leaf.name == "BF16") return 0x1p-8;
  if (leaf.name == "Q8_0") return 0.5 / 127 * 1.01;
  return 1.0 / 8 * 1.01;  // Q4_0: half a step, but a whole step at the end of the range without a code
}

/// A KV format on an arch, and its scalar code. The tests take it at run time, so they are compiled once.
struct CacheFormat {
  const KvLeaf& leaf;
  const KvLeaf& scalar;
};

template <class Arch>
std::vector<CacheFormat> cache_formats() {
  std::vector<CacheFormat> all;
  for_each_type(formats::cache{}, [&]<class Format>(TypeTag<Format>) {
    all.push_back({kv_leaf<Format, Arch>(), kv_leaf<Format, arch::reference>()});
  });
  return all;
}

void check_stored_values(const CacheFormat& format) {
  const KvLeaf& leaf = format.leaf;
  for (const std::size_t dim : {32u, 64u, 72u, 96u, 128u}) {
    if (!leaf.fits(dim)) continue;
    for (const float scale : {1.0f, 1e-3f, 300.0f}) {
      const auto x = gaussian(dim, 1, scale);
      std::vector<std::byte> row(leaf.row_bytes(dim) + 1, std::byte{77});
      std::vector<float> y(dim + 1, -3.0f);
      leaf.store(x.data(), dim, row.data());
      leaf.load(row.data(), 0, 1, dim, y.data());
      EXPECT_EQ(row.back(), std::byte{77});
      EXPECT_EQ(y.back(), -3.0f);
      for (std::size_t i = 0; i < dim; ++i) {
        float most = std::fabs(x[i]);
        if (leaf.block_values > 1) {
          for (std::size_t k = i / 32 * 32; k < i / 32 * 32 + 32; ++k) most = std::max(most, std::fabs(x[k]));
        }
        // 2^-25: half a step of subnormal binary16.
        EXPECT_LE(std::fabs(y[i] - x[i]), step(leaf) * static_cast<double>(most) + 0x1p-25) << leaf.name << " " << i;
      }
    }
  }
}

TYPED_TEST(KvFormat, StoredValuesAreWithinHalfAStep) {
  for (const CacheFormat& format : cache_formats<TypeParam>()) check_stored_values(format);
}

void check_decoding(const CacheFormat& format) {
  const auto& [leaf, scalar] = format;
  const std::size_t dim = 96, n = 3, stride = leaf.row_bytes(dim) + 8;
  std::vector<std::byte> rows(n * stride);
  for (std::size_t r = 0; r < n; ++r) {
    const auto x = gaussian(dim, 2 + static_cast<unsigned>(r));
    scalar.store(x.data(), dim, rows.data() + r * stride);
  }
  std::vector<float> want(n * dim), got(n * dim);
  scalar.load(rows.data(), stride, n, dim, want.data());
  leaf.load(rows.data(), stride, n, dim, got.data());
  EXPECT_EQ(want, got) << leaf.name;
}

TYPED_TEST(KvFormat, DecodesAsTheScalarCode) {
  for (const CacheFormat& format : cache_formats<TypeParam>()) check_decoding(format);
}

void check_extremes(const CacheFormat& format) {
  const KvLeaf& leaf = format.leaf;
  for (const float big : {0.0f, 1e-40f, 3e-7f, 65504.0f, 1e6f, 3e38f}) {
    std::vector<float> x(32, 0.0f), y(32);
    x[3] = big;
    x[17] = -big / 3.0f;
    std::vector<std::byte> row(leaf.row_bytes(32));
    leaf.store(x.data(), 32, row.data());
    leaf.load(row.data(), 0, 1, 32, y.data());
    for (std::size_t i = 0; i < 32; ++i) EXPECT_TRUE(std::isfinite(y[i])) << leaf.name << " " << big;
    EXPECT_EQ(y[0], 0.0f) << leaf.name << " " << big;
    EXPECT_GE(y[3], 0.0f) << leaf.name << " " << big;
  }
}

TYPED_TEST(KvFormat, ExtremesStayFinite) {
  for (const CacheFormat& format : cache_formats<TypeParam>()) check_extremes(format);
}

template <class Arch>
void check_numbers() {
  for_each_type(formats::cache{}, []<class Format>(TypeTag<Format>) {
    EXPECT_EQ(vlmt::find_kv_leaf<Arch>(Format::type_id), (&kv_leaf_v<Format, Arch>));
  });
  EXPECT_EQ(vlmt::find_kv_leaf<Arch>(12), nullptr);  // Q4_K
  EXPECT_FALSE((kv_leaf_v<Q8_0, Arch>.fits(72)));
  EXPECT_TRUE((kv_leaf_v<F16, Arch>.fits(72)));
}

// The lookup does not depend on the arch; leaves of these two are compiled already.
TEST(KvFormats, LeavesAreFoundByTheirNumber) {
  check_numbers<arch::reference>();
  check_numbers<arch::native>();
}

}  // namespace
