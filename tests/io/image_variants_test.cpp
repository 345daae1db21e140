// Images of every kind, made by tests/data/io/make_variants.py: what they decode to, cut short, and damaged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/load_image.hpp"
#include "vlmt/io/safetensors.hpp"

#include "error_of.hpp"

namespace {

using vlmt::decode_image;
using vlmt::FileError;
using vlmt::Image;
using vlmt::ImageOptions;
using vlmt::LimitError;
using Rgb = std::vector<std::uint8_t>;

/// A file and its pixels, upright and on white.
struct Variant {
  std::string name;
  std::vector<std::uint8_t> file;
  Rgb rgb;
  int width = 0, height = 0;

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(file)); }
  bool is_lossy() const { return name.ends_with(".jpg") || name.find("_lossy") != std::string::npos; }
  /// The orientation is stored after the image data.
  bool turns_late() const {
    return name.ends_with("_last.png") ||
           (name.ends_with(".webp") && (name.starts_with("exif") || name.starts_with("xmp")));
  }
};

const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = [] {
    const auto file = vlmt::SafetensorsFile::open(std::string(VLMT_TEST_DATA) + "/io/variants.safetensors");
    std::vector<Variant> out;
    for (const vlmt::SafetensorsTensor& tensor : file.tensors()) {
      if (tensor.name.ends_with(".rgb")) continue;
      const auto& pixels = file.require_tensor(tensor.name + ".rgb");
      out.push_back({tensor.name, file.read<std::uint8_t>(tensor.name), file.read<std::uint8_t>(pixels.name),
                     static_cast<int>(pixels.shape[1]), static_cast<int>(pixels.shape[0])});
    }
    return out;
  }();
  return all;
}

int worst_level(const Rgb& a, const Rgb& b) {
  if (a.size() != b.size()) return 1000;
  int most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

TEST(ImageVariants, DecodeUprightAndOnWhite) {
  EXPECT_GT(variants().size(), 200u);
  for (const Variant& v : variants()) {
    std::string note;
    ImageOptions options;
    options.strict = true;
    options.on_note = [&](const std::string&, const std::string& text) { note = text; };
    const Image image = decode_image(v.bytes(), options, v.name);
    EXPECT_EQ(image.width, v.width) << v.name;
    EXPECT_EQ(image.height, v.height) << v.name;
    EXPECT_EQ(image.original_width, v.width) << v.name;
    EXPECT_EQ(image.original_height, v.height) << v.name;
    // Versions of lossy codecs may round differently.
    EXPECT_LE(worst_level(image.rgb, v.rgb), v.is_lossy() ? 2 : 0) << v.name;
    const bool animated = v.name.starts_with("animated");
    EXPECT_EQ(note.starts_with("animated: the first of "), animated) << v.name << ": " << note;
    EXPECT_TRUE(animated || note.empty()) << v.name << ": " << note;
    const vlmt::ImageInfo info = vlmt::probe_image(v.bytes());
    EXPECT_EQ(info.width, v.width) << v.name;
    EXPECT_EQ(info.height, v.height) << v.name;
  }
}

TEST(ImageVariants, DecodingEndsWithTheStopFlag) {
  vlmt::StopFlag stop;
  ImageOptions options;
  options.stop_flag = &stop;
  for (const Variant& v : variants()) {
    stop.clear();
    EXPECT_EQ(decode_image(v.bytes(), options).rgb, decode_image(v.bytes()).rgb) << v.name;
    stop.set();
    EXPECT_THROW(decode_image(v.bytes(), options), vlmt::Cancelled) << v.name;
  }
}

TEST(ImageVariants, LimitsApplyToEveryFormat) {
  for (const Variant& v : variants()) {
    ImageOptions options;
    options.max_pixels = static_cast<std::uint64_t>(v.width) * static_cast<std::uint64_t>(v.height);
    EXPECT_EQ(decode_image(v.bytes(), options).width, v.width) << v.name;
    options.max_pixels -= 1;
    EXPECT_NE(error_of<LimitError>([&] { decode_image(v.bytes(), options); }).find("`max_pixels`"), std::string::npos)
        << v.name;
    options = {};
    options.max_memory = v.rgb.size() - 1;
    EXPECT_NE(error_of<LimitError>([&] { decode_image(v.bytes(), options); }).find("`max_memory`"), std::string::npos)
        << v.name;
    options = {};
    options.max_bytes = v.file.size() - 1;
    EXPECT_NE(error_of<LimitError>([&] { decode_image(v.bytes(), options); }).find("`max_bytes`"), std::string::npos)
        << v.name;
  }
}

// A file that is cut is refused, or all its pixels are as in the whole file and a note says what is missing. Only an
// orientation stored after the pixels may be lost.
TEST(ImageVariants, CutShortTheyAreRefusedOrWhole) {
  std::size_t refused = 0, whole = 0, named_rows = 0;
  for (const Variant& v : variants()) {
    const Rgb rgb = decode_image(v.bytes()).rgb;
    // Every cut near the end; fewer before it.
    for (std::size_t n = 1; n<v.file.size(); n += v.file.size() - n> 50 ? 11 : 1) {
      std::string note;
      ImageOptions options;
      options.on_note = [&](const std::string&, const std::string& text) { note = text; };
      try {
        const Image image = decode_image(v.bytes().first(n), options, "cut");
        ++whole;
        EXPECT_TRUE(v.turns_late() ? image.rgb.size() == rgb.size() : image.rgb == rgb) << v.name << " cut to " << n;
        // The byte that pads a chunk of a WebP to an even length holds nothing.
        const bool padding = v.name.ends_with(".webp") && n + 1 == v.file.size();
        EXPECT_TRUE(note.find("missing") != std::string::npos || padding) << v.name << " cut to " << n << ": " << note;
      } catch (const FileError& e) {
        ++refused;
        named_rows += std::string(e.what()).find(" rows are there") != std::string::npos;
        EXPECT_EQ(std::string(e.what()).find("cut: is "), 0u) << v.name << " cut to " << n << ": " << e.what();
      }
    }
  }
  EXPECT_GT(refused, 10000u);
  EXPECT_GT(named_rows, 5000u);
  EXPECT_GT(whole, 1000u);
}

TEST(ImageVariants, DamagedTheyNeverCrash) {
  std::size_t refused = 0;
  ImageOptions options;
  options.max_pixels = 1 << 16;
  std::uint32_t random = 1;
  for (const Variant& v : variants()) {
    for (std::size_t i = 0; i < v.file.size(); i += 1 + random % 16) {
      random = random * 1664525u + 1013904223u;
      Variant bad = v;
      bad.file[i] = static_cast<std::uint8_t>(random >> 24);
      try {
        const Image image = decode_image(bad.bytes(), options);
        EXPECT_EQ(image.rgb.size(),
                  std::size_t{3} * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
      } catch (const vlmt::Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 2000u);
}

}  // namespace
