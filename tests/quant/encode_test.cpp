// Quality of the encoders: the error on synthetic weights compared with llama.cpp's encoders.
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "format_types.hpp"
#include "weights.hpp"

namespace {

using vlmt_test::Weights;

struct Reference {
  std::string_view name;
  std::array<double, 3> rmse;
};

// RMSE in units of sigma of ggml_quantize_chunk without importance matrix (llama.cpp of August 2026) on the weights of
// weights.hpp: gaussian, spikes, columns.
constexpr Reference references[] = {
    {"F32", {0.0, 0.0, 0.0}},
    {"F16", {0.0002073688, 0.0008499128, 0.0007233979}},
    {"BF16", {0.001659816, 0.006565159, 0.005654273}},
    {"Q4_0", {0.08611096, 0.4137951, 0.4088188}},
    {"Q4_1", {0.07835234, 0.4558801, 0.390462}},
    {"Q5_0", {0.04274627, 0.3021373, 0.2834577}},
    {"Q5_1", {0.03779986, 0.2059309, 0.1756104}},
    {"Q8_0", {0.005336336, 0.04553252, 0.04075689}},
    {"Q2_K", {0.2969653, 0.8952157, 0.7532108}},
    {"Q3_K", {0.150888, 0.3852346, 0.3795908}},
    {"Q4_K", {0.07134407, 0.3367012, 0.3037345}},
    {"Q5_K", {0.03611779, 0.1958499, 0.1665431}},
    {"Q6_K", {0.01777, 0.1272929, 0.114528}},
    {"IQ4_NL", {0.07605686, 0.3840725, 0.3634631}},
    {"IQ4_XS", {0.07660911, 0.3930922, 0.3687578}},
    {"MXFP4", {0.1146829, 0.6054123, 0.5345371}},
    {"NVFP4", {0.09405734, 0.2793002, 0.2639645}},
};
constexpr double allowance = 1.02;

const Reference* find_reference(std::string_view name) {
  for (const Reference& r : references) {
    if (r.name == name) return &r;
  }
  return nullptr;
}

class EncodeTest : public testing::TestWithParam<vlmt_test::AnyFormat> {};

TEST_P(EncodeTest, ErrorIsAtMostThatOfTheReferenceEncoder) {
  const Reference* reference = find_reference(GetParam().name);
  ASSERT_NE(reference, nullptr);
  for (const Weights kind : {Weights::gaussian, Weights::spikes, Weights::columns}) {
    const auto k = static_cast<std::size_t>(kind);
    const std::vector<float> x = vlmt_test::make_weights(kind, 1.0);
    const double error = vlmt_test::rmse(x, GetParam().round_trip(x));
    EXPECT_LE(error, allowance * reference->rmse[k]) << "weights " << k;
    EXPECT_GE(error, 0.5 * reference->rmse[k]) << "weights " << k << ": implausibly small, the measurement is wrong";
  }
}

TEST_P(EncodeTest, ErrorScalesWithTheWeights) {
  // The scales of NVFP4 cover few binades.
  const double unit = GetParam().name == "NVFP4" ? 4.0 : 0.015625;
  const std::vector<float> x = vlmt_test::make_weights(Weights::gaussian, 1.0);
  const std::vector<float> scaled = vlmt_test::make_weights(Weights::gaussian, unit);
  // Super-block scales come close to binary16 subnormals, so the errors are not exactly equal.
  EXPECT_LE(vlmt_test::rmse(scaled, GetParam().round_trip(scaled)),
            unit * (1.005 * vlmt_test::rmse(x, GetParam().round_trip(x))));
}

TEST_P(EncodeTest, ReencodingDecodedValuesChangesThemLittle) {
  for (const Weights kind : {Weights::gaussian, Weights::spikes, Weights::columns}) {
    const std::vector<float> x = vlmt_test::make_weights(kind, 1.0);
    const std::vector<float> once = GetParam().round_trip(x);
    const std::vector<float> twice = GetParam().round_trip(once);
    EXPECT_LE(vlmt_test::rmse(once, twice), 0.4 * vlmt_test::rmse(x, once)) << "weights " << static_cast<int>(kind);
  }
}

TEST_P(EncodeTest, OverwritesEveryByteOfTheBlock) {
  const vlmt_test::AnyFormat& f = GetParam();
  const std::vector<float> x = vlmt_test::make_weights(Weights::spikes, 1.0);
  for (std::size_t at = 0; at < 4096; at += f.values) {
    std::vector<std::byte> a(f.bytes, std::byte{0x00});
    std::vector<std::byte> b(f.bytes, std::byte{0xff});
    f.encode(x.data() + at, a.data());
    f.encode(x.data() + at, b.data());
    ASSERT_EQ(a, b) << "block at " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EncodeTest, testing::ValuesIn(vlmt_test::weight_formats()), vlmt_test::format_name);

}  // namespace
