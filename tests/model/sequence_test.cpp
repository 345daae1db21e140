#include "vlmt/model/sequence.hpp"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace vlmt {
namespace {

std::shared_ptr<VisionFeatures> features(std::size_t gh, std::size_t gw, std::uint64_t key) {
  auto f = std::make_shared<VisionFeatures>();
  f->slices = 1;
  f->grid_h = gh;
  f->grid_w = gw;
  f->data = share(make_tensor<float>(1, gh * gw, 4));
  f->key = {key, 1};
  return f;
}

std::vector<int> axis(const Sequence& s, std::size_t a) {
  return {s.positions(a).begin(), s.positions(a).end()};
}

// Text, an image of 2 x 3 cells, text. Expected positions follow Qwen2-VL, section 2.1.
Sequence mixed() {
  Sequence s;
  s.append(10);
  s.append(11);
  s.append(features(2, 3, 7), 0, 99);
  s.append(12);
  return s;
}

TEST(Sequence, PositionsFollowTheGrid) {
  const Sequence s = mixed();
  EXPECT_EQ(axis(s, 0), (std::vector<int>{0, 1, 2, 2, 2, 2, 2, 2, 5}));
  EXPECT_EQ(axis(s, 1), (std::vector<int>{0, 1, 2, 2, 2, 3, 3, 3, 5}));
  EXPECT_EQ(axis(s, 2), (std::vector<int>{0, 1, 2, 3, 4, 2, 3, 4, 5}));
  EXPECT_EQ(s.next_position(), 6);
  ASSERT_EQ(s.visuals().size(), 1u);
  EXPECT_EQ(s.visuals()[0].begin, 2u);
  EXPECT_EQ(s.visuals()[0].tokens, 6u);
}

TEST(Sequence, CommonPrefixComparesImagesByContent) {
  const Sequence a = mixed();
  Sequence same_start = mixed();
  same_start.append(13);
  EXPECT_EQ(a.common_prefix(same_start), a.size());
  Sequence other;
  other.append(10);
  other.append(11);
  other.append(features(2, 3, 8), 0, 99);
  other.append(12);
  EXPECT_EQ(a.common_prefix(other), 2u);
  // A token id equal to the key of the image is not the image.
  Sequence text;
  text.append(10);
  text.append(11);
  text.append(7);
  EXPECT_EQ(a.common_prefix(text), 2u);
}

TEST(Sequence, TruncateThenExtendRestoresTheSequence) {
  const Sequence whole = mixed();
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    Sequence s = whole;
    s.truncate(n);
    ASSERT_EQ(s.size(), n);
    s.extend(whole, whole.size());
    for (std::size_t a = 0; a < 3; ++a) EXPECT_EQ(axis(s, a), axis(whole, a)) << n;
    EXPECT_EQ(s.next_position(), whole.next_position()) << n;
    EXPECT_EQ(s.common_prefix(whole), whole.size()) << n;
  }
}

TEST(Sequence, TextAfterATruncatedImageFollowsItsLargestPosition) {
  Sequence s = mixed();
  s.truncate(4);  // two cells of the first image row remain: w = 2, 3
  EXPECT_EQ(s.next_position(), 4);
  s.append(20);
  EXPECT_EQ(s.positions(0).back(), 4);
  s = mixed();
  s.truncate(2);
  EXPECT_EQ(s.next_position(), 2);
  EXPECT_TRUE(s.visuals().empty());
}

TEST(Sequence, FeaturesAreAttachedByKey) {
  const auto f = features(2, 3, 7);
  Sequence s;
  s.append(f->key, 2, 3, 0, 99);
  EXPECT_EQ(s.visuals()[0].features, nullptr);
  s.attach(features(2, 3, 8));
  EXPECT_EQ(s.visuals()[0].features, nullptr);
  s.attach(f);
  EXPECT_EQ(s.visuals()[0].features, f);
  s.release_features();
  EXPECT_EQ(s.visuals()[0].features, nullptr);
}

}  // namespace
}  // namespace vlmt
