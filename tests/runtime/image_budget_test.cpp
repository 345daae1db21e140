// Images and videos fitted to room and time, by their sizes alone, under the limits of the released models.
#include "vlmt/runtime/image_budget.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vlmt::image_budget_test {
namespace {

const MediaSize photo{4032, 3024, 0};   // 12 megapixels
const MediaSize page{2480, 3508, 0};    // A4 at 300 dpi
const MediaSize screen{3840, 2160, 0};  // 4K
const MediaSize small{320, 240, 0};
const MediaSize video{1920, 1080, 60};

ImageFit fit(const std::vector<MediaSize>& sizes, const ImageBudget& budget) {
  return fit_images(sizes, VisionPreprocess{}, budget);
}

ImageBudget with_room(std::size_t room, std::size_t reserve = 0) {
  ImageBudget b;
  b.room = room;
  b.reserve = reserve;
  return b;
}

/// A machine that encodes this many tokens per second, whatever the size of the image.
ImageBudget with_speed(double tokens_per_second) {
  ImageBudget b;
  b.seconds = [=](const PatchGrid& grid) { return static_cast<double>(grid.tokens(2)) / tokens_per_second; };
  return b;
}

TEST(ImageBudget, WithoutLimitsAllKeepTheModelsSizes) {
  const ImageFit f = fit({photo, page, screen, small, video}, {});
  EXPECT_EQ(f.images[0].tokens, 126u * 94u);
  EXPECT_EQ(f.images[1].tokens, 110u * 78u);
  EXPECT_EQ(f.images[2].tokens, 120u * 68u);
  EXPECT_EQ(f.images[3].tokens, 80u);
  EXPECT_EQ(f.images[4].tokens, 26u * 15u * 30u);
  EXPECT_EQ(f.tokens, f.full_tokens);
  for (const FittedImage& i : f.images) {
    EXPECT_FALSE(i.max_pixels);
    EXPECT_EQ(i.reason, SizeReason::none);
  }
}

TEST(ImageBudget, OneBoundIsLoweredForTheRoomAndSmallImagesKeepTheirSize) {
  const ImageFit f = fit({photo, small, page, video}, with_room(7000));
  EXPECT_LE(f.tokens, 7000u);
  EXPECT_GT(f.tokens, 6000u);  // the room is used
  EXPECT_EQ(f.full_tokens, 126u * 94u + 80u + 110u * 78u + 26u * 15u * 30u);
  EXPECT_FALSE(f.images[1].max_pixels);
  EXPECT_EQ(f.images[1].tokens, 80u);
  for (const std::size_t i : {0u, 2u, 3u}) {
    EXPECT_EQ(f.images[i].reason, SizeReason::room);
    EXPECT_EQ(f.images[i].limit, f.images[0].limit);
    EXPECT_LE(f.images[i].tokens, f.images[i].limit);
    // The own bound gives the size that was promised.
    const MediaSize size = std::vector{photo, small, page, video}[i];
    EXPECT_EQ(media_grid(size, VisionPreprocess{}.lowered(f.images[i].max_pixels)), f.images[i].grid);
  }
  EXPECT_EQ(fit({small, small}, with_room(160)).tokens, 160u);
}

TEST(ImageBudget, EveryRoomIsUsedAndNeverExceeded) {
  std::size_t last = 0;
  for (std::size_t room = 70; room < 12500; room += 61) {
    const ImageFit f = fit({photo}, with_room(room));
    EXPECT_LE(f.tokens, room);
    EXPECT_GE(f.tokens, last);  // more room never gives a smaller image
    last = f.tokens;
  }
  EXPECT_EQ(last, 126u * 94u);
}

TEST(ImageBudget, TheReserveIsKeptUnlessTheSmallestSizesNeedIt) {
  EXPECT_LE(fit({photo}, with_room(8191, 1024)).tokens, 8191u - 1024u);
  EXPECT_LE(fit({photo}, with_room(8191, 0)).tokens, 8191u);
  EXPECT_GT(fit({photo}, with_room(8191, 0)).tokens, 8191u - 1024u);
  const ImageFit tight = fit({photo}, with_room(70, 60));
  EXPECT_LE(tight.tokens, 70u);
}

TEST(ImageBudget, WhatDoesNotFitAtTheSmallestSizeIsRefusedWithTheNumbers) {
  try {
    fit({photo, photo}, with_room(100));
    FAIL();
  } catch (const LimitError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("at most 100 tokens"), std::string::npos) << text;
    EXPECT_NE(text.find("found 23688"), std::string::npos) << text;
    EXPECT_NE(text.find("140 at the model's smallest"), std::string::npos) << text;
    EXPECT_EQ(e.site().field, "context");
  }
}

TEST(ImageBudget, ExactRefusesInsteadOfLowering) {
  ImageBudget b = with_room(8191, 1024);
  b.exact = true;
  EXPECT_EQ(fit({screen}, b).tokens, 8160u);  // fits; the reserve does not count
  EXPECT_THROW(fit({photo}, b), LimitError);
  ImageBudget slow = with_speed(100);
  slow.exact = true;
  EXPECT_THROW(fit({photo}, slow), LimitError);
  EXPECT_EQ(fit({small}, slow).tokens, 80u);
  EXPECT_EQ(fit({{2048, 512, 0}}, slow).tokens, 1024u);
  // Four images of 18 seconds each take longer than a request may.
  const MediaSize eighteen{1920, 960, 0};
  EXPECT_EQ(fit({eighteen, eighteen, eighteen}, slow).tokens, 5400u);
  EXPECT_THROW(fit({eighteen, eighteen, eighteen, eighteen}, slow), LimitError);
}

TEST(ImageBudget, TimeGivesOneOfFewSteps) {
  // 20 s at 100 tokens/s allow 2000 tokens: the step below is 1024.
  const ImageFit f = fit({photo}, with_speed(100));
  EXPECT_EQ(f.images[0].limit, 1024u);
  EXPECT_EQ(f.images[0].reason, SizeReason::time);
  EXPECT_LE(f.tokens, 1024u);
  EXPECT_NEAR(f.images[0].full_seconds, 118.44, 1e-9);
  EXPECT_NEAR(f.images[0].seconds, static_cast<double>(f.tokens) / 100.0, 1e-9);
  // A third slower or faster, the size is the same.
  EXPECT_EQ(fit({photo}, with_speed(75)).tokens, f.tokens);
  EXPECT_EQ(fit({photo}, with_speed(101)).tokens, f.tokens);
  for (const auto& [speed, limit] : std::vector<std::pair<double, std::size_t>>{
           {1, 256}, {13, 256}, {26, 512}, {53, 1024}, {106, 2048}, {300, 4096}, {500, 8192}}) {
    EXPECT_EQ(fit({photo}, with_speed(speed)).images[0].limit, limit) << speed;
  }
  EXPECT_EQ(fit({photo}, with_speed(700)).images[0].reason, SizeReason::none);
}

TEST(ImageBudget, TheTimeOfTheRequestLowersAllImages) {
  // Each photo alone may take 20 s: 2048 tokens. Ten of them are 200 s; at 512 tokens they take 50.
  const std::vector<MediaSize> ten(10, photo);
  const ImageFit f = fit(ten, with_speed(103));
  for (const FittedImage& i : f.images) EXPECT_EQ(i.limit, 512u);
  // A video may take the time of the whole request.
  EXPECT_EQ(fit({video}, with_speed(103)).images[0].limit, 4096u);
  EXPECT_FALSE(fit({video}, with_speed(200)).images[0].max_pixels);
  // At the smallest step time refuses nothing.
  EXPECT_EQ(fit(std::vector<MediaSize>(100, photo), with_speed(1)).images[99].limit, 256u);
}

TEST(ImageBudget, TimeAndRoomTogether) {
  ImageBudget b = with_speed(106);
  b.room = 1500;
  const ImageFit f = fit({photo, small}, b);
  EXPECT_EQ(f.images[0].reason, SizeReason::room);
  EXPECT_LE(f.tokens, 1500u);
  EXPECT_GT(f.images[0].timed_tokens, 1900u);
  EXPECT_LE(f.images[0].timed_tokens, 2048u);
  EXPECT_NEAR(f.images[0].full_seconds, 126 * 94 / 106.0, 1e-9);
  b.room = 5000;
  EXPECT_EQ(fit({photo, small}, b).images[0].reason, SizeReason::time);
}

TEST(ImageBudget, SpeedIsNotNeededForSmallImages) {
  ImageBudget b;
  b.seconds = [](const PatchGrid&) -> double { throw std::logic_error("measured"); };
  EXPECT_EQ(fit({small, {512, 512, 0}}, b).tokens, 80u + 256u);
  EXPECT_THROW(fit({{512, 545, 0}}, b), std::logic_error);
}

TEST(ImageBudget, OwnLimitsOfTheModelHold) {
  VisionPreprocess bundled;
  bundled.image_limits = {4096, 102'400};
  ImageBudget b = with_room(50);
  const std::vector<MediaSize> one{photo};
  EXPECT_LE(fit_images(one, bundled, {}).tokens, 100u);
  EXPECT_LE(fit_images(one, bundled, b).tokens, 50u);
  b.room = 3;  // the minimum is 4 tokens
  EXPECT_THROW(fit_images(one, bundled, b), LimitError);
}

TEST(ImageBudget, NarrowImagesNeverGrow) {
  // Rounding gives this image more tokens under a bound a little smaller than its size.
  const MediaSize narrow{4000, 20, 0};
  VisionPreprocess p;
  p.image_limits = {1024, 16'777'216};
  const std::vector<MediaSize> one{narrow};
  const std::size_t natural = fit_images(one, p, {}).tokens;
  for (std::size_t room = 40; room < natural + 10; ++room) {
    try {
      EXPECT_LE(fit_images(one, p, with_room(room)).tokens, std::min(room, natural));
    } catch (const LimitError&) {
      EXPECT_LT(room, natural);
    }
  }
}

TEST(ImageBudget, BadSizesAreRefused) {
  EXPECT_THROW(fit({{201, 1, 0}}, {}), InputError);
  EXPECT_THROW(fit({{100, 100, 1}}, {}), InputError);  // a video needs two frames
  EXPECT_TRUE(fit({}, with_room(0)).images.empty());
}

}  // namespace
}  // namespace vlmt::image_budget_test
