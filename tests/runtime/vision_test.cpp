// The vision encoder against golden cases, from their pixel values; the feature cache.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"

#include "golden_case.hpp"

namespace vlmt {
namespace vision_test {
namespace {

using golden::Case;
using Vision = VisionRunner<Qwen3VL, OmpTeam>;

struct Golden {
  Golden()
      : file(SafetensorsFile::open(golden::folder("qwen3vl") + "/cases.safetensors")),
        model(ChatModel<Qwen3VL>::open(golden::folder("qwen3vl") + "/model.gguf",
                                       golden::folder("qwen3vl") + "/mmproj.gguf")) {
    OmpTeam team;
    model.load(team);
  }
  SafetensorsFile file;
  ChatModel<Qwen3VL> model;
};

Golden& loaded() {
  static Golden t;
  return t;
}

VisionOptions exact() {
  VisionOptions o;
  o.min_pixels = 4096;
  o.max_pixels = 65536;
  o.numerics = Numerics::exact;
  return o;
}

// Every image or video of a case, one after the other.
void expect_features(const Case& c, const std::string& kind, const std::string& pixels) {
  const std::vector<float> values = c.floats(pixels);
  const std::vector<std::int32_t> grids = c.ints(kind + "_grid_thw");
  const std::vector<float> main = c.floats(kind + "_embeds");
  for (std::size_t threads : {1u, 3u}) {
    OmpTeam team(threads);
    Vision vision(loaded().model.vlm(), team, exact());
    std::size_t patch = 0;
    std::size_t row = 0;
    for (std::size_t i = 0; i < grids.size(); i += 3) {
      VisionPatches patches;
      patches.grid = {grids[i], grids[i + 1], grids[i + 2]};
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(patch * 1536);
      patches.values.assign(begin, begin + static_cast<std::ptrdiff_t>(patches.grid.patches() * 1536));
      const auto f = vision.encode_patches(patches, {1, i});
      ASSERT_EQ(f->tokens(), patches.grid.tokens(2));
      const std::size_t n = f->tokens() * f->width();
      EXPECT_LT(golden::relative_error({f->row(0, 0), n}, std::span(main).subspan(row * f->width(), n)), 4e-6);
      for (std::size_t l = 0; l < f->levels(); ++l) {
        const std::vector<float> deep = c.floats(kind + "_deepstack" + std::to_string(l));
        EXPECT_LT(golden::relative_error({f->row(l + 1, 0), n}, std::span(deep).subspan(row * f->width(), n)), 4e-6)
            << l;
      }
      patch += patches.grid.patches();
      row += f->tokens();
    }
    EXPECT_EQ(patch * 1536, values.size());
  }
}

TEST(VisionEncoder, ImageFeatures) {
  expect_features(Case(loaded().file, "image"), "image", "pixel_values");
}
TEST(VisionEncoder, VideoFeatures) {
  expect_features(Case(loaded().file, "mixed"), "video", "pixel_values_videos");
}

Image raw_image(const SafetensorsFile& file, const std::string& name) {
  const SafetensorsTensor& t = file.require_tensor(name);
  Image image;
  image.height = image.original_height = static_cast<int>(t.shape[0]);
  image.width = image.original_width = static_cast<int>(t.shape[1]);
  image.rgb = file.read<std::uint8_t>(name);
  return image;
}

TEST(VisionRunner, ImageFromPixels) {
  const Case c(loaded().file, "image");
  OmpTeam team(2);
  Vision vision(loaded().model.vlm(), team, exact());
  const auto f = vision.encode(raw_image(loaded().file, "image.raw1"));
  // Resizing may differ by one step in a few pixels, which dominates the error of the arithmetic.
  EXPECT_LT(golden::relative_error({f->row(0, 0), f->tokens() * f->width()}, c.floats("image_embeds")), 1e-3);
}

TEST(VisionRunner, CachesByContent) {
  const Case c(loaded().file, "image");
  OmpTeam team(2);
  VisionOptions o = exact();
  Vision vision(loaded().model.vlm(), team, o);
  Image image = raw_image(loaded().file, "image.raw1");
  const auto first = vision.encode(image);
  EXPECT_EQ(vision.encode(image), first);
  EXPECT_EQ(vision.cache_hits(), 1u);
  image.rgb[17] ^= 1;
  EXPECT_NE(vision.encode(image), first);
  EXPECT_EQ(vision.cached_bytes(), 2 * first->bytes());
  o.cache_bytes = first->bytes();
  Vision small(loaded().model.vlm(), team, o);
  small.encode(image);
  image.rgb[17] ^= 1;
  small.encode(image);
  EXPECT_EQ(small.cached_bytes(), first->bytes());
  o.cache_bytes = 0;
  Vision none(loaded().model.vlm(), team, o);
  none.encode(image);
  none.encode(image);
  EXPECT_EQ(none.cache_hits(), 0u);
}

TEST(VisionRunner, RefusesSizesAndLimits) {
  OmpTeam team(1);
  Vision vision(loaded().model.vlm(), team, exact());
  EXPECT_THROW(vision.tokens(1, 201), InputError);
  EXPECT_EQ(vision.tokens(64, 64), 4u);
  VisionOptions o = exact();
  o.min_pixels = 1u << 20;
  EXPECT_THROW(Vision(loaded().model.vlm(), team, o), InputError);
}

// Fast numerics round an encoder's float weights to int8; features stay close to the exact ones.
TEST(VisionEncoder, FastVisionEncodersAreCloseToExactOnes) {
  const std::string folder = golden::folder("qwen3vl");
  auto fast = ChatModel<Qwen3VL>::open(folder + "/model.gguf", folder + "/mmproj.gguf", weights_for(Numerics::fast));
  const auto same =
      ChatModel<Qwen3VL>::open(folder + "/model.gguf", folder + "/mmproj.gguf", weights_for(Numerics::exact));
  const std::size_t before = loaded().model.vlm().weight_bytes();
  EXPECT_LT(fast.vlm().weight_bytes(), before);
  EXPECT_EQ(same.vlm().weight_bytes(), before);
  OmpTeam team(2);
  fast.load(team);
  EXPECT_TRUE(fast.vlm().vision_encoder()->takes_int8());
  const Case c(loaded().file, "image");
  VisionPatches patches;
  const std::vector<std::int32_t> grid = c.ints("image_grid_thw");
  patches.grid = {grid[0], grid[1], grid[2]};
  patches.values = c.floats("pixel_values");
  VisionOptions options = exact();
  options.numerics = Numerics::fast;
  Vision vision(fast.vlm(), team, options);
  const auto f = vision.encode_patches(patches, {1, 2});
  const std::vector<float> want = c.floats("image_embeds");
  EXPECT_LT(golden::relative_error({f->row(0, 0), want.size()}, std::span(want)), 3e-2);
}

}  // namespace
}  // namespace vision_test
}  // namespace vlmt
