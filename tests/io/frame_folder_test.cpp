// Frames in a folder: natural order, skipped files, gaps in the numbers.
#include "vlmt/io/frame_folder.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/natural_order.hpp"

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace {

using Strings = std::vector<std::string>;

TEST(NaturalOrder, CountsNumbersByValueAndIgnoresCase) {
  const Strings ordered = {"",
                           "1",
                           "2",
                           "10",
                           "a",
                           "A1",
                           "a2",
                           "a2b",
                           "A10",
                           "b1c2",
                           "b1c10",
                           "b2c1",
                           "frame.png",
                           "frame_1.png",
                           "Frame_2.png",
                           "frame_03.png",
                           "frame_10.png",
                           "frame_18446744073709551615.png",
                           "frame_18446744073709551616.png",
                           "frame_100000000000000000000000.png"};
  Strings names = ordered;
  std::mt19937 random(7);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(names.begin(), names.end(), random);
    std::sort(names.begin(), names.end(), vlmt::natural_less);
    EXPECT_EQ(names, ordered);
  }
  // Names of equal value have an order, too, whichever comes first.
  for (const auto& [a, b] : {std::pair<std::string, std::string>{"f01", "f1"}, {"F1", "f1"}, {"f001", "f01"}}) {
    EXPECT_TRUE(vlmt::natural_less(a, b));
    EXPECT_FALSE(vlmt::natural_less(b, a));
    EXPECT_FALSE(vlmt::natural_less(a, a));
  }
}

TEST(NaturalOrder, FindsGapsAgainstTheUsualStep) {
  const auto gaps = [](const Strings& names) {
    std::string out;
    for (const vlmt::NumberGap& g : vlmt::number_gaps(names)) {
      out += std::to_string(g.before) + ":" + std::to_string(g.first) + "-" + std::to_string(g.last) + "/" +
             std::to_string(g.step) + " ";
    }
    return out;
  };
  EXPECT_EQ(gaps({"f1", "f2", "f3"}), "");
  EXPECT_EQ(gaps({"f6", "f10"}), "");  // two frames have any step
  EXPECT_EQ(gaps({"f4", "f5", "f6", "f10", "f11"}), "2:7-9/1 ");
  EXPECT_EQ(gaps({"f008", "f009", "f011"}), "1:10-10/1 ");
  EXPECT_EQ(gaps({"f0", "f10", "f20", "f50", "f60"}), "2:30-40/10 ");
  EXPECT_EQ(gaps({"f0", "f33", "f67", "f100", "f133", "f167"}), "");  // times in milliseconds
  EXPECT_EQ(gaps({"v1_1", "v1_2", "v1_3", "v2_1", "v2_2", "v2_4"}),
            "4:3-3/1 ");  // the other pair differs in two numbers
  EXPECT_EQ(gaps({"a", "b", "c"}), "");
  EXPECT_EQ(gaps({}), "");
  EXPECT_EQ(gaps({"f1", "f2", "f3", "f99999999999999999999"}), "");  // beyond 64 bits
}

class FrameFolder : public testing::Test {
 protected:
  void add(const std::string& name, const std::string& contents = "\x89PNG\r\n\x1a\n") const {
    std::ofstream(dir_ / name, std::ios::binary) << contents;
  }
  Strings names(const vlmt::FrameFolder& frames) const {
    Strings out;
    for (const std::string& file : frames.files) {
      EXPECT_EQ(std::filesystem::path(file).parent_path().string() + "/", dir_ / "");
      out.push_back(std::filesystem::path(file).filename().string());
    }
    return out;
  }
  vlmt::FrameFolder list() const { return vlmt::list_frames(dir_ / ""); }

  TempDir dir_;
};

TEST_F(FrameFolder, OrdersFramesAsFfmpegNumbersThem) {
  Strings expected;
  for (int i = 12; i > 0; --i) add("frame_" + std::to_string(i) + ".png");
  for (int i = 1; i <= 12; ++i) expected.push_back("frame_" + std::to_string(i) + ".png");
  EXPECT_EQ(names(list()), expected);
  EXPECT_EQ(list().notes, Strings{});
}

TEST_F(FrameFolder, SkipsHiddenFilesAndFilesThatAreNoImages) {
  for (const char* name : {"f1.png", "f2.png", "f3.PNG"}) add(name);
  add("f4");  // an image without an extension
  add("notes.txt", "the door opens in frame 3");
  EXPECT_EQ(list().notes, Strings{"skipped 1 file that is hidden or no image: notes.txt"});
  add(".DS_Store", "");
  add("._f1.png");
  add("Thumbs.db", std::string("\xd0\xcf\x11\xe0", 4));
  std::filesystem::create_directory(dir_ / "more");
  EXPECT_EQ(names(list()), (Strings{"f1.png", "f2.png", "f3.PNG", "f4"}));
  EXPECT_EQ(list().notes, Strings{"skipped 4 files that are hidden or no images, such as ._f1.png"});
}

TEST_F(FrameFolder, KeepsFramesThatCannotBeRead) {
  add("f1.png");
  add("f2.png", "");  // still being written
  add("f3.jpg", "<html></html>");
  add("f4.tif", std::string("II*\0", 4));
  EXPECT_EQ(names(list()), (Strings{"f1.png", "f2.png", "f3.jpg", "f4.tif"}));
}

TEST_F(FrameFolder, TellsGaps) {
  for (const int i : {4, 5, 6, 10, 11, 13}) add("frame_" + std::to_string(i) + ".png");
  EXPECT_EQ(list().notes, Strings{"frames 7 to 9 are missing between frame_6.png and frame_10.png, 12 between "
                                  "frame_11.png and frame_13.png"});
  for (const int i : {15, 16, 17, 18, 20, 21, 22, 23, 25, 26, 27, 29}) add("frame_" + std::to_string(i) + ".png");
  EXPECT_NE(list().notes.at(0).find("14 between frame_13.png and frame_15.png, and 3 more gaps"), std::string::npos)
      << list().notes.at(0);
}

TEST_F(FrameFolder, RefusesFoldersWithoutFrames) {
  EXPECT_EQ(error_of<vlmt::FileError>([&] { list(); }), dir_ / "" + ": no frames in the folder (expected image files)");
  add("a.txt", "text");
  add("b.mp4", std::string("\0\0\0\x1c"
                           "ftypisom",
                           12));
  EXPECT_EQ(error_of<vlmt::FileError>([&] { list(); }),
            dir_ / "" +
                ": no frames in the folder; skipped 2 files that are hidden or no images, such as a.txt "
                "(expected image files)");
  EXPECT_NE(error_of<vlmt::FileError>([] { vlmt::list_frames("/no/such/folder"); }), "");
}

}  // namespace
