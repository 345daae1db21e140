// Drawing on images pixel by pixel, PNG files that are read again, and pixels as files store them.
#include "vlmt/io/draw.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/io/draw_places.hpp"
#include "vlmt/io/load_image.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/stored_rect.hpp"
#include "vlmt/io/write_png.hpp"

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace vlmt::draw_test {
namespace {

constexpr Colour white = {255, 255, 255}, black = {0, 0, 0}, red = {230, 25, 45}, blue = {0, 105, 230};

Image blank(int width, int height, Colour c = white) {
  Image image;
  image.width = image.original_width = width;
  image.height = image.original_height = height;
  image.rgb.resize(static_cast<std::size_t>(3 * width * height));
  fill_rect(image, 0, 0, width, height, c);
  return image;
}

Colour at(const Image& image, int x, int y) {
  const std::uint8_t* p = image.rgb.data() + 3 * (y * image.width + x);
  return {p[0], p[1], p[2]};
}

// A letter for each pixel, a line for each row.
std::string shown(const Image& image) {
  std::string out;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const Colour c = at(image, x, y);
      out += c == white ? '.' : c == black ? '#' : c == red ? 'r' : c == blue ? 'b' : '?';
    }
    out += '\n';
  }
  return out;
}

TEST(Draw, FillsAndClips) {
  Image image = blank(6, 4);
  fill_rect(image, 4, -5, 100, 2, black);
  fill_rect(image, -3, 3, 2, 3'000'000'000, red);
  fill_rect(image, 3, 3, 3, 4, red);
  fill_rect(image, 5, 3, 4, 4, red);
  EXPECT_EQ(shown(image),
            "....##\n"
            "....##\n"
            "......\n"
            "rr....\n");
}

TEST(Draw, DrawsFramesFromOutsideToInside) {
  Image image = blank(9, 7);
  draw_frame(image, 2, 2, 7, 5, 1, 1, red);
  EXPECT_EQ(shown(image),
            ".........\n"
            ".rrrrrrr.\n"
            ".rrrrrrr.\n"
            ".rr...rr.\n"
            ".rrrrrrr.\n"
            ".rrrrrrr.\n"
            ".........\n");
  // An inside that is larger than the frame fills it, and no more.
  image = blank(5, 5);
  draw_frame(image, 2, 2, 3, 3, 1, 100, red);
  EXPECT_EQ(shown(image),
            ".....\n"
            ".rrr.\n"
            ".rrr.\n"
            ".rrr.\n"
            ".....\n");
  const std::string before = shown(image);
  draw_frame(image, -2'000'000'000, -2'000'000'000, 2'000'000'000, 2'000'000'000, 1, 1, black);
  EXPECT_EQ(shown(image), before);
}

TEST(Draw, DrawsDiscs) {
  Image image = blank(7, 5);
  fill_disc(image, 3, 2, 2, red);
  EXPECT_EQ(shown(image),
            "..rrr..\n"
            ".rrrrr.\n"
            ".rrrrr.\n"
            ".rrrrr.\n"
            "..rrr..\n");
  fill_disc(image, 6, 4, 0, black);
  EXPECT_EQ(at(image, 6, 4), black);
}

TEST(Draw, DrawsText) {
  Image image = blank(18, 8);
  draw_glyphs(image, 0, 0, 1, font::glyphs("Ag\x01"), black);
  EXPECT_EQ(shown(image),
            "..#.........#####.\n"
            ".#.#........#...#.\n"
            "#...#..####.#...#.\n"
            "#...#.#...#.#...#.\n"
            "#####.#...#.#...#.\n"
            "#...#..####.#...#.\n"
            "#...#.....#.#####.\n"
            ".......###........\n");
  image = blank(4, 4);
  draw_glyphs(image, 0, 0, 2, "!", black);  // cut by the image
  EXPECT_EQ(shown(image), "....\n....\n....\n....\n");
  draw_glyphs(image, -3, -1, 2, "!", black);
  EXPECT_EQ(shown(image), ".##.\n.##.\n.##.\n.##.\n");
}

TEST(Draw, EachGlyphOfAsciiIsAnother) {
  std::vector<std::string> seen;
  for (char c = 33; c > 0; ++c) {  // to 127
    std::string dots;
    for (int y = 0; y < font::height; ++y) {
      for (int x = 0; x < font::width; ++x) dots += font::dot(c, x, y) ? '#' : ' ';
    }
    EXPECT_NE(dots.find('#'), std::string::npos) << c;
    EXPECT_EQ(std::find(seen.begin(), seen.end(), dots), seen.end()) << c;
    seen.push_back(dots);
    if (c == 127) break;
  }
  EXPECT_EQ(seen.size(), 95u);
  EXPECT_EQ(font::glyphs("a\tb\n\xC3\xA4\xC3\x9F\xC3\xBF\xE8\x8B\xB9\xFF"), "a b asy\x7f\x7f");
}

TEST(DrawPlaces, DrawsBoxesPointsAndLabels) {
  Image image = blank(30, 24);
  const std::vector<DrawnPlace> places = {{{3, 13, 20, 21}, false, "hi"}, {{25, 3, 26, 4}, true, ""}};
  EXPECT_TRUE(draw_places(image, places).empty());
  EXPECT_EQ(shown(image),
            "......................##bbb##.\n"
            ".....................##bbbbb##\n"
            "...rrrrrrrrrrrrr.....#bbbbbbb#\n"
            "...r.rrrrrrr.rrr.....#bbbbbbb#\n"
            "...r.rrrrrrrrrrr.....#bbbbbbb#\n"
            "...r.r..rrr..rrr.....##bbbbb##\n"
            "...r..rr.rrr.rrr......##bbb##.\n"
            "...r.rrr.rrr.rrr.......#####..\n"
            "...r.rrr.rrr.rrr..............\n"
            "...r.rrr.rr...rr..............\n"
            "...rrrrrrrrrrrrr..............\n"
            "...rrrrrrrrrrrrr..............\n"
            "..###################.........\n"
            "..#rrrrrrrrrrrrrrrrr#.........\n"
            "..#r###############r#.........\n"
            "..#r#.............#r#.........\n"
            "..#r#.............#r#.........\n"
            "..#r#.............#r#.........\n"
            "..#r#.............#r#.........\n"
            "..#r###############r#.........\n"
            "..#rrrrrrrrrrrrrrrrr#.........\n"
            "..###################.........\n"
            "..............................\n"
            "..............................\n");
}

TEST(DrawPlaces, LinesAndLettersGrowWithTheImage) {
  Image image = blank(1200, 1000);
  draw_places(image, std::vector<DrawnPlace>{{{100, 200, 900, 800}, false, "X"}});
  // A line of 5 pixels about the edge, with a border of 1 pixel on both sides.
  std::string row;
  for (int x = 94; x < 107; ++x) row += at(image, x, 500) == red ? 'r' : at(image, x, 500) == black ? '#' : '.';
  EXPECT_EQ(row, "...#rrrrr#...");
  EXPECT_EQ(at(image, 98 + 3, 200 - 2 - 1 - 30 + 3), white) << "the first dot of X, 3 x 3 pixels";
  EXPECT_EQ(at(image, 98 + 5, 200 - 2 - 1 - 30 + 5), white);
  EXPECT_EQ(at(image, 98 + 6, 200 - 2 - 1 - 30 + 3), red);
}

TEST(DrawPlaces, ColoursFollowLabels) {
  Image image = blank(100, 100);
  draw_places(image,
              std::vector<DrawnPlace>{
                  {{5, 40, 15, 50}, false, "a"}, {{25, 40, 35, 50}, false, "b"}, {{45, 40, 55, 50}, false, "a"}});
  EXPECT_EQ(at(image, 5, 45), red);
  EXPECT_EQ(at(image, 25, 45), blue);
  EXPECT_EQ(at(image, 45, 45), red);
}

TEST(DrawPlaces, LabelsStayInTheImage) {
  // No room above: inside the box. Too long: cut. At the right edge: moved to the left.
  Image image = blank(40, 40);
  draw_places(image, std::vector<DrawnPlace>{{{0, 0, 40, 40}, false, std::string(100, 'M')}});
  EXPECT_EQ(at(image, 20, 2 + 1), red) << "the label, below the line and its border";
  image = blank(60, 40);
  draw_places(image, std::vector<DrawnPlace>{{{50, 20, 51, 21}, true, "abc"}});
  EXPECT_EQ(at(image, 50 - 3 - 1 - 1 - 1, 20 - 5), red) << "to the left of the point";
  // Places and labels beyond the edges, and an image of one pixel.
  Image small = blank(1, 1);
  draw_places(small, std::vector<DrawnPlace>{{{0, 0, 1, 1}, false, "label"}, {{0, 0, 1, 1}, true, "label"}});
  draw_places(image, std::vector<DrawnPlace>{{{-1000, -1000, 2'000'000'000, 2'000'000'000}, false, "all"},
                                             {{5000, 5000, 5001, 5001}, true, "out"}});
}

TEST(DrawPlaces, LabelsThatTheFontLacksAreNumbers) {
  Image image = blank(100, 100), numbered = blank(100, 100);
  const std::vector<DrawnPlace> places = {{{5, 40, 15, 50}, false, "apple"}, {{45, 40, 55, 50}, false, "\xE8\x8B\xB9"}};
  EXPECT_EQ(draw_places(image, places), std::vector<std::size_t>{1});
  EXPECT_TRUE(draw_places(numbered, std::vector<DrawnPlace>{places[0], {{45, 40, 55, 50}, false, "#2"}}).empty());
  EXPECT_EQ(image.rgb, numbered.rgb);
}

TEST(DrawPlaces, BoundsTheirNumberAndChecksTheImage) {
  Image image = blank(64, 64), first = blank(64, 64);
  std::vector<DrawnPlace> places(100'000, {{1, 1, 60, 60}, false, ""});
  places.back() = {{30, 30, 31, 31}, true, ""};
  draw_places(image, places);
  draw_places(first, std::vector<DrawnPlace>{places[0]});
  EXPECT_EQ(image.rgb, first.rgb);
  image.width = 65;
  EXPECT_THROW(draw_places(image, places), InputError);
}

TEST(WritePng, IsReadAgain) {
  const TempDir dir;
  Image image = blank(37, 21);
  std::uint32_t state = 1;
  for (auto& v : image.rgb) v = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  write_png(image, dir / "a.png");
  const Image read = load_image(dir / "a.png", {.strict = true});
  EXPECT_EQ(read.width, 37);
  EXPECT_EQ(read.height, 21);
  EXPECT_EQ(read.rgb, image.rgb);
  EXPECT_FALSE(std::filesystem::exists(dir / "a.png.part"));
}

TEST(WritePng, ReplacesRegularFilesOnly) {
  const TempDir dir;
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(write_png(blank(2, 2), dir / "fifo"), FileError);
  EXPECT_THROW(write_png(blank(2, 2), dir / "none/a.png"), FileError);
  Image image = blank(2, 2);
  image.height = 3;
  EXPECT_THROW(write_png(image, dir / "a.png"), InputError);
  EXPECT_FALSE(std::filesystem::exists(dir / "a.png"));
  EXPECT_FALSE(std::filesystem::exists(dir / "a.png.part"));
}

// What is not a file is not replaced.
TEST(WritePng, RefusesWhatIsNoFile) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "a.png");
  EXPECT_THROW(write_png(blank(2, 2), dir / "a.png"), FileError);
  EXPECT_TRUE(std::filesystem::is_directory(std::string(dir / "a.png")));
}

// Every rectangle of a small image, in all orientations: the pixels that become upright are those that are named.
TEST(StoredRect, IsTheInverseOfTheOrientation) {
  constexpr int width = 4, height = 3;  // as stored
  for (int orientation = 0; orientation <= 9; ++orientation) {
    for (int x1 = 0; x1 < width; ++x1) {
      for (int x2 = x1 + 1; x2 <= width; ++x2) {
        for (int y1 = 0; y1 < height; ++y1) {
          for (int y2 = y1 + 1; y2 <= height; ++y2) {
            Image image = blank(width, height);
            fill_rect(image, x1, y1, x2, y2, black);
            apply_orientation(image, orientation);
            PixelRect upright = {image.width, image.height, 0, 0};
            for (int y = 0; y < image.height; ++y) {
              for (int x = 0; x < image.width; ++x) {
                if (at(image, x, y) == white) continue;
                upright = {std::min(upright.x1, x), std::min(upright.y1, y), std::max(upright.x2, x + 1),
                           std::max(upright.y2, y + 1)};
              }
            }
            EXPECT_EQ(stored_rect(upright, image.width, image.height, orientation), (PixelRect{x1, y1, x2, y2}))
                << orientation;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace vlmt::draw_test
