#include "vlmt/nn/vision/frames.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/safetensors.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"

namespace {

using vlmt::InputError;
using vlmt::Qwen3VLTemplate;
using vlmt::sample_frames;
using vlmt::slice_times;

TEST(Frames, EqualTheHuggingFaceTables) {
  const auto tables = vlmt::SafetensorsFile::open(std::string(VLMT_TEST_DATA) + "/preprocess/tables.safetensors");
  int seen = 0;
  for (const auto& tensor : tables.tensors()) {
    if (!tensor.name.starts_with("frames.")) continue;
    const std::string rest = tensor.name.substr(7);  // total frames, frame rate
    const int total = std::atoi(rest.c_str());
    const double fps = std::atof(rest.substr(rest.find('.') + 1).c_str());
    EXPECT_EQ(sample_frames(total, fps), tables.read<std::int32_t>(tensor.name)) << tensor.name;
    ++seen;
  }
  EXPECT_EQ(seen, 8);
}

TEST(Frames, NeverExceedTheVideo) {
  EXPECT_EQ(sample_frames(1, 30.0), std::vector<int>{0});
  EXPECT_EQ(sample_frames(3, 30.0), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(sample_frames(1000000, 1e-9).size(), 768u);
  EXPECT_EQ(sample_frames(std::numeric_limits<int>::max(), 1e-300).back(), std::numeric_limits<int>::max() - 1);
  EXPECT_EQ(sample_frames(100, 10.0, {.fps = 1.0, .min_frames = 1, .max_frames = 5}),
            (std::vector<int>{0, 25, 50, 74, 99}));
}

TEST(Frames, RejectInvalidRatesAndCounts) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double fps : {0.0, -1.0, infinity, std::nan("")}) {
    EXPECT_THROW(sample_frames(10, fps), InputError);
    EXPECT_THROW(sample_frames(10, 30.0, {.fps = fps}), InputError);
    EXPECT_THROW(slice_times(std::vector<int>{0, 1}, fps), InputError);
  }
  EXPECT_THROW(sample_frames(0, 30.0), InputError);
  EXPECT_THROW(sample_frames(-5, 30.0), InputError);
  EXPECT_THROW(sample_frames(10, 30.0, {.fps = 2.0, .min_frames = 0}), InputError);
  EXPECT_THROW(sample_frames(10, 30.0, {.fps = 2.0, .min_frames = 9, .max_frames = 8}), InputError);
}

TEST(Frames, SliceTimesAreTheMeanOfEachPair) {
  const auto frames = sample_frames(300, 30.0);
  ASSERT_EQ(frames.size(), 20u);
  const auto times = slice_times(frames, 30.0);
  ASSERT_EQ(times.size(), 10u);
  EXPECT_EQ(Qwen3VLTemplate::timestamp(times[0]), "<0.3 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(times[1]), "<1.3 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(times[2]), "<2.4 seconds>");
  // An odd count repeats the last frame.
  EXPECT_EQ(slice_times(std::vector<int>{0, 1, 2, 3, 4}, 4.0), (std::vector<double>{0.125, 0.625, 1.0}));
  EXPECT_EQ(Qwen3VLTemplate::timestamp(0.125), "<0.1 seconds>");
  EXPECT_EQ(Qwen3VLTemplate::timestamp(12.25), "<12.2 seconds>");  // ties round to even, as in Python
  EXPECT_TRUE(slice_times({}, 4.0).empty());
}

}  // namespace
