// Sizes, patches and positions against tables made by Hugging Face processors (tests/data/preprocess/make_tables.py).
#include "vlmt/nn/vision/preprocess.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/io/safetensors.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/nn/vision/clip_preprocess.hpp"
#include "vlmt/nn/vision/position_grid.hpp"

#include "base/assertion_of.hpp"

namespace {

using vlmt::Image;
using vlmt::InputError;
using vlmt::PatchGrid;
using vlmt::PixelLimits;
using vlmt::PixelSize;
using vlmt::smart_resize;
using vlmt::smart_resize_video;

const vlmt::SafetensorsFile& tables() {
  static const auto file = vlmt::SafetensorsFile::open(std::string(VLMT_TEST_DATA) + "/preprocess/tables.safetensors");
  return file;
}

Image raw_image(int k) {
  const std::string name = "raw." + std::to_string(k);
  Image image;
  image.rgb = tables().read<std::uint8_t>(name);
  image.height = static_cast<int>(tables().require_tensor(name).shape[0]);
  image.width = static_cast<int>(tables().require_tensor(name).shape[1]);
  return image;
}

Image noise(int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  std::uint32_t state = 1;
  for (auto& v : image.rgb) v = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return image;
}

// ---- sizes

TEST(SmartResize, EqualsTheImageTable) {
  const auto rows = tables().read<std::int32_t>("smart_resize.image");
  ASSERT_GT(rows.size(), 1000u);
  for (std::size_t i = 0; i < rows.size(); i += 4) {
    SCOPED_TRACE(std::to_string(rows[i]) + " x " + std::to_string(rows[i + 1]));
    if (rows[i + 2] < 0) {
      EXPECT_THROW(smart_resize(rows[i], rows[i + 1]), InputError);
    } else {
      EXPECT_EQ(smart_resize(rows[i], rows[i + 1]), (PixelSize{rows[i + 2], rows[i + 3]}));
    }
  }
}

TEST(SmartResize, EqualsTheVideoTable) {
  const auto rows = tables().read<std::int32_t>("smart_resize.video");
  ASSERT_GT(rows.size(), 1000u);
  const PixelLimits limits = {131072, 25165824};
  for (std::size_t i = 0; i < rows.size(); i += 5) {
    SCOPED_TRACE(std::to_string(rows[i]) + " frames of " + std::to_string(rows[i + 1]) + " x " +
                 std::to_string(rows[i + 2]));
    if (rows[i + 3] < 0) {
      EXPECT_THROW(smart_resize_video(rows[i], rows[i + 1], rows[i + 2], 2, 32, limits), InputError);
    } else {
      EXPECT_EQ(smart_resize_video(rows[i], rows[i + 1], rows[i + 2], 2, 32, limits),
                (PixelSize{rows[i + 3], rows[i + 4]}));
    }
  }
}

TEST(SmartResize, RoundsHalfToEven) {
  EXPECT_EQ(smart_resize(720, 1280), (PixelSize{704, 1280}));  // 22.5 blocks become 22
  EXPECT_EQ(smart_resize(336, 336), (PixelSize{320, 320}));
  EXPECT_EQ(smart_resize(1200, 1600), (PixelSize{1216, 1600}));  // 37.5 become 38
  EXPECT_EQ(smart_resize(5000, 4000), (PixelSize{4576, 3648}));
  EXPECT_EQ(smart_resize(1, 1), (PixelSize{256, 256}));
  EXPECT_EQ(smart_resize(1, 200), (PixelSize{32, 3648}));
}

TEST(SmartResize, RejectsInvalidSizesAndLimits) {
  EXPECT_THROW(smart_resize(0, 5), InputError);
  EXPECT_THROW(smart_resize(5, -1), InputError);
  EXPECT_THROW(smart_resize(1, 201), InputError);
  EXPECT_THROW(smart_resize(5000, 1), InputError);
  EXPECT_THROW(smart_resize(100, 100, 32, {200, 100}), InputError);
  EXPECT_THROW(smart_resize(100, 100, 0), InputError);
  EXPECT_THROW(smart_resize(100, 100, 32, {std::uint64_t{1} << 63, ~std::uint64_t{0}}), InputError);
  EXPECT_THROW(smart_resize_video(1, 100, 100), InputError);
  EXPECT_THROW(smart_resize_video(4, 1, 2147483647), InputError);
  EXPECT_EQ(smart_resize(100, 100, 32, {0, 0}), (PixelSize{32, 32}));
}

// ---- patches

TEST(Preprocess, PatchesEqualTheTablesBitForBit) {
  vlmt::VisionPreprocess config;
  config.image_limits = {4096, 16384};
  for (int k = 0; k < 5; ++k) {
    const std::string name = "qwen." + std::to_string(k);
    const auto patches = vlmt::preprocess_image(raw_image(k), config);
    const auto grid = tables().read<std::int32_t>(name + ".grid");
    EXPECT_EQ(patches.grid, (PatchGrid{grid[0], grid[1], grid[2]}));
    const auto bytes = tables().read<std::uint8_t>(name + ".patches");  // (patches, 3, 256)
    ASSERT_EQ(patches.values.size(), 2 * bytes.size());
    std::size_t different = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const float expected = (static_cast<float>(bytes[i]) - 127.5f) / 127.5f;
      const std::size_t plane = i / 256, at = i % 256;
      for (std::size_t t = 0; t < 2; ++t) different += patches.values[(2 * plane + t) * 256 + at] != expected;
    }
    EXPECT_EQ(different, 0u) << name << " of " << patches.values.size();
  }
}

TEST(Preprocess, TheReferenceArchHasTheSameBits) {
  vlmt::VisionPreprocess config;
  config.image_limits = {4096, 16384};
  for (int k = 0; k < 5; ++k) {
    EXPECT_EQ(vlmt::preprocess_image<vlmt::arch::reference>(raw_image(k), config).values,
              vlmt::preprocess_image(raw_image(k), config).values);
  }
}

TEST(Preprocess, ClipPixelsEqualTheTablesBitForBit) {
  for (int k = 0; k < 5; ++k) {
    const auto expected = tables().read<float>("clip." + std::to_string(k) + ".pixels");
    EXPECT_EQ(vlmt::clip_pixels(raw_image(k), 56), expected) << k;
  }
}

TEST(Preprocess, ClipRejectsNarrowAndEmptyImages) {
  EXPECT_THROW(vlmt::clip_pixels(noise(1, 201), 56), InputError);
  EXPECT_THROW(vlmt::clip_pixels(Image{}, 56), InputError);
  EXPECT_THROW(vlmt::clip_pixels(noise(8, 8), 0), InputError);
  EXPECT_EQ(vlmt::clip_pixels(noise(1, 200), 56).size(), 3u * 56 * 56);
}

TEST(Preprocess, PatchOrderIsBlockByBlock) {
  // 64 x 96 pixels, not resized; each pixel encodes its position.
  Image image = noise(96, 64);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 96; ++x) {
      auto* pixel = &image.rgb[static_cast<std::size_t>(3 * (y * 96 + x))];
      pixel[0] = static_cast<std::uint8_t>(x);
      pixel[1] = static_cast<std::uint8_t>(y);
      pixel[2] = static_cast<std::uint8_t>(x ^ y);
    }
  }
  vlmt::VisionPreprocess config;
  config.image_limits = {1024, 100000};
  const auto patches = vlmt::preprocess_image(image, config);
  ASSERT_EQ(patches.grid, (PatchGrid{1, 4, 6}));
  EXPECT_EQ(patches.grid.tokens(2), 6u);
  const auto positions = vlmt::patch_positions(4, 6);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    for (int c = 0; c < 3; ++c) {
      for (int t = 0; t < 2; ++t) {
        for (int y = 0; y < 16; ++y) {
          for (int x = 0; x < 16; ++x) {
            const int px = 16 * positions[p].column + x, py = 16 * positions[p].row + y;
            const int byte = c == 0 ? px : c == 1 ? py : px ^ py;
            const auto at = p * 1536 + static_cast<std::size_t>(((c * 2 + t) * 16 + y) * 16 + x);
            ASSERT_EQ(patches.values[at], (static_cast<float>(byte) - 127.5f) / 127.5f);
          }
        }
      }
    }
  }
  EXPECT_EQ(positions[1], (vlmt::PatchPosition{0, 1}));
  EXPECT_EQ(positions[2], (vlmt::PatchPosition{1, 0}));
  EXPECT_EQ(positions[4], (vlmt::PatchPosition{0, 2}));
}

TEST(Preprocess, GridFollowsFromTheOriginalSize) {
  // A JPEG decoded at half its size gets the grid of the full size.
  Image half = noise(202, 151);
  half.original_width = 403;
  half.original_height = 302;
  const auto grid = vlmt::preprocess_image(half).grid;
  EXPECT_EQ(grid, vlmt::image_grid(302, 403));
  EXPECT_NE(grid, vlmt::image_grid(151, 202));
  vlmt::ImageInfo info;
  info.width = 403;
  info.height = 302;
  EXPECT_EQ(vlmt::decode_hint(info).target_width, grid.w * 16);
  EXPECT_EQ(vlmt::decode_hint(info).target_height, grid.h * 16);
}

TEST(Preprocess, VideoRepeatsItsLastFrame) {
  std::vector<Image> frames;
  for (int i = 0; i < 5; ++i) {
    frames.push_back(noise(90, 70));
    for (auto& v : frames.back().rgb) v = static_cast<std::uint8_t>(v + 20 * i);
  }
  vlmt::VisionPreprocess config;
  config.video_limits = {4096, 131072};
  config.image_limits = {64 * 96, 64 * 96};
  const auto video = vlmt::preprocess_video(frames, config);
  ASSERT_EQ(video.grid, (PatchGrid{3, 4, 6}));
  const std::size_t slice = video.grid.slice_patches() * 1536;
  for (std::size_t i = 0; i < 5; ++i) {
    // Each frame preprocessed as a still image of the same size fills both frames of its patches.
    const auto still = vlmt::preprocess_image(frames[i], config);
    ASSERT_EQ(still.grid, (PatchGrid{1, 4, 6}));
    for (std::size_t p = 0; p < video.grid.slice_patches(); ++p) {
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t at = 0; at < 256; ++at) {
          const float expected = still.values[p * 1536 + c * 512 + at];
          ASSERT_EQ(video.values[(i / 2) * slice + p * 1536 + (c * 2 + i % 2) * 256 + at], expected);
          if (i == 4) {
            ASSERT_EQ(video.values[2 * slice + p * 1536 + (c * 2 + 1) * 256 + at], expected);
          }
        }
      }
    }
  }
  frames[2] = noise(70, 90);
  EXPECT_THROW(vlmt::preprocess_video(frames, config), InputError);
  EXPECT_THROW(vlmt::preprocess_video({}, config), InputError);
}

TEST(Preprocess, RejectsImagesWithMissingBytes) {
  EXPECT_THROW(vlmt::preprocess_image(Image{}), InputError);
  Image image = noise(10, 10);
  image.rgb.pop_back();
  EXPECT_THROW(vlmt::preprocess_image(image), InputError);
  EXPECT_THROW(vlmt::preprocess_image(noise(1, 201)), InputError);
  EXPECT_EQ(vlmt::preprocess_image(noise(1, 200)).grid, (PatchGrid{1, 228, 2}));
}

// ---- positions

TEST(PositionGrid, InterpolatesTheTable) {
  const auto table = tables().read<float>("pos.table");
  double worst = 0.0;
  for (const auto& [t, h, w, step] : std::vector<std::array<int, 4>>{{1, 2, 2, 1},
                                                                     {1, 4, 6, 1},
                                                                     {1, 48, 48, 1},
                                                                     {1, 68, 120, 16},
                                                                     {2, 10, 6, 1},
                                                                     {1, 2, 90, 1},
                                                                     {1, 96, 50, 1},
                                                                     {1, 112, 160, 16}}) {
    const auto expected =
        tables().read<float>("pos." + std::to_string(t) + "x" + std::to_string(h) + "x" + std::to_string(w));
    const auto taps = vlmt::position_taps(h, w, 48);
    std::vector<float> got(taps.size() * 8);
    vlmt::interpolate_positions(table, taps, 8, got);
    const auto rows = taps.size() * static_cast<std::size_t>(t);
    ASSERT_EQ(expected.size(), 8 * ((rows + static_cast<std::size_t>(step) - 1) / static_cast<std::size_t>(step)));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::size_t row = i / 8 * static_cast<std::size_t>(step) % taps.size();
      worst = std::fmax(worst, std::fabs(static_cast<double>(got[8 * row + i % 8]) - static_cast<double>(expected[i])));
    }
  }
  std::printf("worst difference of positions: %.3g\n", worst);
  EXPECT_LE(worst, 1e-6);
}

TEST(PositionGrid, AGridOfTheTablesSizeIsTheTable) {
  const auto taps = vlmt::position_taps(48, 48, 48);
  const auto positions = vlmt::patch_positions(48, 48);
  for (std::size_t p = 0; p < taps.size(); ++p) {
    EXPECT_EQ(taps[p].index[0], 48 * positions[p].row + positions[p].column);
    EXPECT_EQ(taps[p].weight[0], 1.0f);
  }
}

TEST(PositionGrid, RotaryAnglesAreRowsThenColumns) {
  for (const int head_dim : {64, 72}) {
    const auto frequencies = vlmt::vision_rope_frequencies(head_dim);
    ASSERT_EQ(frequencies.size(), static_cast<std::size_t>(head_dim) / 4);
    EXPECT_EQ(frequencies[0], 1.0f);
    EXPECT_NEAR(frequencies.back(), std::pow(1e4, -(head_dim / 2 - 2.0) / (head_dim / 2)), 1e-9);
    const auto positions = vlmt::patch_positions(4, 6);
    const auto angles = vlmt::vision_rope_angles(positions, frequencies);
    ASSERT_EQ(angles.size(), positions.size() * static_cast<std::size_t>(head_dim) / 2);
    const std::size_t n = frequencies.size();
    for (std::size_t p = 0; p < positions.size(); ++p) {
      for (std::size_t j = 0; j < n; ++j) {
        EXPECT_EQ(angles[p * 2 * n + j], static_cast<float>(positions[p].row) * frequencies[j]);
        EXPECT_EQ(angles[p * 2 * n + n + j], static_cast<float>(positions[p].column) * frequencies[j]);
      }
    }
  }
}

#if VLMT_ASSERTS
TEST(PositionGrid, AssertionsNameTheCallAndBothValues) {
  using vlmt_test::assertion_of;
  EXPECT_EQ(assertion_of([] { vlmt::patch_positions(4, 5, 2); }), "patch_positions: columns % merge == 0: 1 and 0");
  EXPECT_EQ(assertion_of([] { vlmt::patch_positions(0, 4, 2); }), "patch_positions: 0 < rows: 0 and 0");
  EXPECT_EQ(assertion_of([] { vlmt::position_taps(4, 4, -1); }), "position_taps: 0 < side: 0 and -1");
  EXPECT_EQ(assertion_of([] { vlmt::vision_rope_frequencies(6); }),
            "vision_rope_frequencies: head_dim % 4 == 0: 2 and 0");
  EXPECT_EQ(
      assertion_of([] { vlmt::interpolate_positions({}, {}, 8, std::span<float>(static_cast<float*>(nullptr), 1)); }),
      "interpolate_positions: out.size() == taps.size() * hidden: 1 and 0");
}
#endif

}  // namespace
