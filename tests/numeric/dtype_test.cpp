// Run-time element types match their C++ types.
#include "vlmt/numeric/dtype.hpp"

#include <cstdint>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace {

using vlmt::DType;
using vlmt::dtype_of_v;

template <class... Ts>
constexpr bool sizes_agree = ((vlmt::info(dtype_of_v<Ts>).bytes == sizeof(Ts)) && ...);
static_assert(sizes_agree<double, float, vlmt::float16, vlmt::bfloat16, std::int64_t, std::int32_t, std::int16_t,
                          std::int8_t, std::uint64_t, std::uint32_t, std::uint16_t, std::uint8_t, bool>);
static_assert(vlmt::info(dtype_of_v<vlmt::bfloat16>).name == "BF16" && vlmt::info(dtype_of_v<bool>).name == "BOOL");
static_assert(vlmt::info(DType::F64).name == "F64" && vlmt::info(DType::U8).name == "U8");

TEST(DTypeTest, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (int t = 0; t <= static_cast<int>(DType::Bool); ++t) names.insert(vlmt::info(static_cast<DType>(t)).name);
  EXPECT_EQ(names.size(), static_cast<std::size_t>(DType::Bool) + 1);
}

}  // namespace
