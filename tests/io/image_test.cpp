#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <png.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include <gtest/gtest.h>

#include "vlmt/io/image_jpeg.hpp"
#include "vlmt/io/jpeg_segments.hpp"
#include "vlmt/io/load_image.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/io/orientation.hpp"
#include "vlmt/io/png_chunks.hpp"
#include "vlmt/io/safetensors.hpp"

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace {

using vlmt::AlphaPolicy;
using vlmt::decode_image;
using vlmt::FileError;
using vlmt::Image;
using vlmt::ImageFormat;
using vlmt::ImageOptions;
using vlmt::LimitError;
using Bytes = std::vector<std::byte>;
using Rgb = std::vector<std::uint8_t>;

const std::string data_dir = std::string(VLMT_TEST_DATA) + "/io/";

Rgb gradient(int width, int height) {
  Rgb rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      rgb.push_back(static_cast<std::uint8_t>(255 * x / width));
      rgb.push_back(static_cast<std::uint8_t>(255 * y / height));
      rgb.push_back(static_cast<std::uint8_t>((3 * x + 5 * y) / 12));
    }
  }
  return rgb;
}

Bytes read_file(const std::string& path) {
  const auto file = vlmt::MappedFile::open(path);
  return {file->bytes().begin(), file->bytes().end()};
}

Bytes encode_jpeg(int width, int height, const Rgb& rgb, int quality = 95, bool progressive = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  for (int y = 0; y < height; ++y) {
    auto* row = const_cast<JSAMPROW>(rgb.data() + std::size_t{3} * static_cast<std::size_t>(width * y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const auto* p = reinterpret_cast<const std::byte*>(out);
  Bytes bytes(p, p + size);
  std::free(out);
  return bytes;
}

/// rows: packed samples of each row, 16-bit samples big-endian.
Bytes encode_png(int width, int height, int colour, int depth, bool interlaced,
                 const std::vector<std::vector<std::uint8_t>>& rows) {
  Bytes bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp p, png_bytep data, std::size_t n) {
        auto* out = static_cast<Bytes*>(png_get_io_ptr(p));
        out->insert(out->end(), reinterpret_cast<std::byte*>(data), reinterpret_cast<std::byte*>(data) + n);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, colour,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (const auto& row : rows) pointers.push_back(const_cast<png_bytep>(row.data()));
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

Bytes encode_png_rgb(int width, int height, const Rgb& rgb, bool interlaced = false) {
  std::vector<std::vector<std::uint8_t>> rows;
  const auto stride = static_cast<std::ptrdiff_t>(3 * width);
  for (int y = 0; y < height; ++y) rows.emplace_back(rgb.begin() + y * stride, rgb.begin() + (y + 1) * stride);
  return encode_png(width, height, PNG_COLOR_TYPE_RGB, 8, interlaced, rows);
}

Bytes encode_webp(int width, int height, const Rgb& rgb, bool lossless) {
  std::uint8_t* out = nullptr;
  const std::size_t n = lossless ? WebPEncodeLosslessRGB(rgb.data(), width, height, 3 * width, &out)
                                 : WebPEncodeRGB(rgb.data(), width, height, 3 * width, 90.0f, &out);
  const auto* p = reinterpret_cast<const std::byte*>(out);
  Bytes bytes(p, p + n);
  WebPFree(out);
  return bytes;
}

int worst(const Rgb& a, const Rgb& b) {
  if (a.size() != b.size()) return 1000;
  int most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// ---- against Pillow

TEST(Image, DecodesAsPillowDoes) {
  const auto expected = vlmt::SafetensorsFile::open(data_dir + "images.safetensors");
  for (const vlmt::SafetensorsTensor& tensor : expected.tensors()) {
    const bool white = tensor.name.ends_with(".white");
    const std::string name = white ? tensor.name.substr(0, tensor.name.size() - 6) : tensor.name;
    ImageOptions options;
    options.alpha = white ? AlphaPolicy::Composite : AlphaPolicy::Drop;
    const Image image = vlmt::load_image(data_dir + name, options);
    ASSERT_EQ(static_cast<std::uint64_t>(image.height), tensor.shape[0]) << tensor.name;
    ASSERT_EQ(static_cast<std::uint64_t>(image.width), tensor.shape[1]) << tensor.name;
    EXPECT_EQ(image.original_width, image.width);
    EXPECT_EQ(image.original_height, image.height);
    const Rgb rgb = expected.read<std::uint8_t>(tensor.name);
    // Lossless formats are exact; versions of lossy codecs may round differently.
    const bool lossy = name.ends_with(".jpg") || name == "lossy.webp" || name == "orientation8.webp";
    EXPECT_LE(worst(image.rgb, rgb), lossy ? 2 : 0) << tensor.name;
    const vlmt::ImageInfo info = vlmt::probe_image(read_file(data_dir + name));
    EXPECT_EQ(info.width, image.width) << name;
    EXPECT_EQ(info.height, image.height) << name;
  }
}

TEST(Image, AppliesAllOrientations) {
  // How each orientation stores the upright image of 3 x 2 pixels 0 1 2 / 3 4 5.
  const std::vector<std::vector<int>> stored = {{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                                {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {2, 5, 1, 4, 0, 3},
                                                {5, 2, 4, 1, 3, 0}, {3, 0, 4, 1, 5, 2}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image image;
    image.width = orientation >= 5 ? 2 : 3;
    image.height = orientation >= 5 ? 3 : 2;
    for (const int v : stored[static_cast<std::size_t>(orientation - 1)]) {
      for (int c = 0; c < 3; ++c) image.rgb.push_back(static_cast<std::uint8_t>(10 * v + c));
    }
    vlmt::apply_orientation(image, orientation);
    EXPECT_EQ(image.width, 3);
    EXPECT_EQ(image.height, 2);
    for (int v = 0; v < 6; ++v) {
      for (int c = 0; c < 3; ++c) {
        EXPECT_EQ(image.rgb[static_cast<std::size_t>(3 * v + c)], 10 * v + c) << orientation;
      }
    }
  }
}

// ---- EXIF

Bytes exif_block(bool big, std::uint16_t type, std::uint32_t count, std::uint16_t value, std::uint32_t directory = 8) {
  Bytes out;
  const auto put = [&](std::uint32_t v, int n) {
    for (int i = 0; i < n; ++i) out.push_back(static_cast<std::byte>(v >> 8 * (big ? n - 1 - i : i)));
  };
  for (const char c : std::string(big ? "MM" : "II")) out.push_back(static_cast<std::byte>(c));
  put(42, 2);
  put(directory, 4);
  put(2, 2);
  put(0x0100, 2), put(3, 2), put(1, 4), put(7, 2), put(0, 2);
  put(0x0112, 2), put(type, 2), put(count, 4), put(value, 2), put(0, 2);
  return out;
}

TEST(Exif, ReadsBothByteOrdersAndIgnoresDamage) {
  for (const bool big : {false, true}) {
    for (std::uint16_t o = 1; o <= 8; ++o) EXPECT_EQ(vlmt::exif_orientation(exif_block(big, 3, 1, o)), o);
    const Bytes good = exif_block(big, 3, 1, 6);
    for (std::size_t n = 0; n < good.size(); ++n) {
      EXPECT_EQ(vlmt::exif_orientation(std::span(good).first(n)), 0) << n;
    }
    EXPECT_EQ(vlmt::exif_orientation(exif_block(big, 3, 1, 0)), 0);
    EXPECT_EQ(vlmt::exif_orientation(exif_block(big, 3, 1, 9)), 0);
    EXPECT_EQ(vlmt::exif_orientation(exif_block(big, 5, 1, 6)), 0);  // a fraction
    EXPECT_EQ(vlmt::exif_orientation(exif_block(big, 3, 2, 6)), 0);
    for (const std::uint32_t at : {9u, 1000u, 0xffffffffu, 0xfffffff0u}) {
      EXPECT_EQ(vlmt::exif_orientation(exif_block(big, 3, 1, 6, at)), 0);
    }
  }
}

TEST(Exif, DamagedExifDoesNotSpoilTheImage) {
  const Bytes good = read_file(data_dir + "orientation6.jpg");
  const auto exif = vlmt::find_jpeg_exif(good);
  ASSERT_FALSE(exif.empty());
  EXPECT_EQ(vlmt::exif_orientation(exif), 6);
  // With any byte of the segment corrupted, the image must still decode, upright or as stored.
  const auto start = static_cast<std::size_t>(exif.data() - good.data());
  for (std::size_t i = 0; i < exif.size(); ++i) {
    Bytes bad = good;
    bad[start + i] ^= std::byte{0xff};
    const Image image = decode_image(bad);
    EXPECT_EQ(image.width * image.height, 23 * 17);
  }
}

// ---- files encoded by the test

TEST(Image, RoundTripsThroughEachCodec) {
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 9}, {200, 1}, {37, 53}, {64, 48}}) {
    const Rgb rgb = gradient(width, height);
    for (const bool interlaced : {false, true}) {
      EXPECT_EQ(decode_image(encode_png_rgb(width, height, rgb, interlaced)).rgb, rgb);
    }
    EXPECT_EQ(decode_image(encode_webp(width, height, rgb, true)).rgb, rgb);
    const Image lossy = decode_image(encode_webp(width, height, rgb, false));
    EXPECT_EQ(lossy.width, width);
    EXPECT_EQ(lossy.height, height);
    for (const bool progressive : {false, true}) {
      const Image jpeg = decode_image(encode_jpeg(width, height, rgb, 100, progressive));
      EXPECT_EQ(jpeg.width, width);
      EXPECT_EQ(jpeg.original_height, height);
      EXPECT_LE(worst(jpeg.rgb, rgb), 40);  // chroma is subsampled
    }
  }
}

TEST(Image, DecodingEndsWithTheStopFlag) {
  vlmt::StopFlag stop;
  ImageOptions options;
  options.stop_flag = &stop;
  const Rgb rgb = gradient(64, 48);
  for (const Bytes& file :
       {encode_jpeg(64, 48, rgb), encode_jpeg(64, 48, rgb, 95, true), encode_png_rgb(64, 48, rgb),
        encode_png_rgb(64, 48, rgb, true), encode_webp(64, 48, rgb, true), encode_webp(64, 48, rgb, false)}) {
    stop.clear();
    EXPECT_EQ(decode_image(file, options).rgb, decode_image(file).rgb);
    stop.set();
    EXPECT_THROW(decode_image(file, options), vlmt::Cancelled);
  }
}

// libwebp gets a file in pieces of 64 KiB.
TEST(Image, WebPsOfSeveralPiecesDecodeAsAtOnce) {
  constexpr int side = 400;
  std::mt19937 random(3);
  std::vector<std::uint8_t> rgba(4 * side * side);
  for (std::uint8_t& level : rgba) level = static_cast<std::uint8_t>(random());
  ImageOptions drop;
  drop.alpha = AlphaPolicy::Drop;
  for (const bool lossless : {false, true}) {
    std::uint8_t* out = nullptr;
    const std::size_t n = lossless ? WebPEncodeLosslessRGBA(rgba.data(), side, side, 4 * side, &out)
                                   : WebPEncodeRGBA(rgba.data(), side, side, 4 * side, 90.0f, &out);
    ASSERT_GT(n, 4u << 16);
    int width = 0, height = 0;
    std::uint8_t* whole = WebPDecodeRGB(out, n, &width, &height);
    ASSERT_NE(whole, nullptr);
    const Image image = decode_image(std::as_bytes(std::span(out, n)), drop);
    EXPECT_EQ(image.rgb, Rgb(whole, whole + 3 * side * side)) << lossless;
    EXPECT_NE(
        error_of<FileError>([&] { decode_image(std::as_bytes(std::span(out, n - 1000))); }).find("rows are there"),
        std::string::npos);
    WebPFree(whole);
    WebPFree(out);
  }
}

TEST(Image, SixteenBitSamplesKeepTheirHighByte) {
  const std::vector<std::vector<std::uint8_t>> rgb16 = {
      {0x12, 0xff, 0x00, 0x80, 0xff, 0xfe, 0x34, 0x00, 0x7f, 0xff, 1, 2}};
  EXPECT_EQ(decode_image(encode_png(2, 1, PNG_COLOR_TYPE_RGB, 16, false, rgb16)).rgb,
            (Rgb{0x12, 0x00, 0xff, 0x34, 0x7f, 1}));
  const std::vector<std::vector<std::uint8_t>> grey16 = {{0x12, 0xff, 0xfe, 0xff}};
  EXPECT_EQ(decode_image(encode_png(2, 1, PNG_COLOR_TYPE_GRAY, 16, false, grey16)).rgb,
            (Rgb{0x12, 0x12, 0x12, 0xfe, 0xfe, 0xfe}));
  const std::vector<std::vector<std::uint8_t>> rgba16 = {{0x10, 0, 0x20, 0, 0x30, 0, 0x80, 0}};
  ImageOptions drop;
  drop.alpha = AlphaPolicy::Drop;
  EXPECT_EQ(decode_image(encode_png(1, 1, PNG_COLOR_TYPE_RGB_ALPHA, 16, false, rgba16), drop).rgb,
            (Rgb{0x10, 0x20, 0x30}));
}

TEST(Image, InterlacedAlphaIsCompositedOrDropped) {
  std::vector<std::vector<std::uint8_t>> rows(11);
  Rgb dropped, white;
  for (std::size_t y = 0; y < rows.size(); ++y) {
    for (std::size_t x = 0; x < 13; ++x) {
      const std::uint8_t alpha = x % 3 == 0 ? 0 : x % 3 == 1 ? 255 : 128;
      const auto v = static_cast<std::uint8_t>(16 * y + x);
      rows[y].insert(rows[y].end(), {v, 7, 200, alpha});
      dropped.insert(dropped.end(), {v, 7, 200});
      for (const int c : {int{v}, 7, 200}) {
        white.push_back(alpha == 0 ? 255 : static_cast<std::uint8_t>((c * alpha + 255 * (255 - alpha) + 127) / 255));
      }
    }
  }
  ImageOptions drop;
  drop.alpha = AlphaPolicy::Drop;
  for (const bool interlaced : {false, true}) {
    const Bytes file = encode_png(13, 11, PNG_COLOR_TYPE_RGB_ALPHA, 8, interlaced, rows);
    EXPECT_EQ(decode_image(file, drop).rgb, dropped);
    EXPECT_EQ(decode_image(file).rgb, white);
  }
}

// ---- reduced decoding

TEST(JpegScale, KeepsTwiceTheTargetUnlessTheImageIsTooLarge) {
  using vlmt::detail::jpeg_eighths;
  EXPECT_EQ(jpeg_eighths(4000, 3000, 0, 0), 8u);
  EXPECT_EQ(jpeg_eighths(4000, 3000, 1184, 896), 8u);  // half is less than twice the target
  EXPECT_EQ(jpeg_eighths(4000, 3000, 1000, 750), 4u);
  EXPECT_EQ(jpeg_eighths(4000, 3000, 500, 375), 2u);
  EXPECT_EQ(jpeg_eighths(4000, 3000, 250, 187), 1u);
  EXPECT_EQ(jpeg_eighths(4000, 3000, 10, 1400), 8u);     // the taller side decides
  EXPECT_EQ(jpeg_eighths(12000, 9000, 4704, 3552), 4u);  // 324 MB in full, 81 MB at half
  EXPECT_EQ(jpeg_eighths(12000, 9000, 7000, 5000), 5u);  // the smallest that covers the target
  EXPECT_EQ(jpeg_eighths(12000, 9000, 20000, 20000), 8u);
}

TEST(JpegScale, ReducedImageMatchesTheFullOne) {
  const int width = 403, height = 302;
  const Bytes file = encode_jpeg(width, height, gradient(width, height), 95);
  const Image full = decode_image(file);
  ImageOptions options;
  options.hint = {.target_width = 90, .target_height = 70};
  const Image half = decode_image(file, options);
  EXPECT_EQ(half.width, 202);
  EXPECT_EQ(half.height, 151);
  EXPECT_EQ(half.original_width, width);
  EXPECT_EQ(half.original_height, height);
  // Inside a smooth image, a reduced pixel is the mean of four.
  for (int y = 10; y < 140; ++y) {
    for (int x = 10; x < 190; ++x) {
      for (int c = 0; c < 3; ++c) {
        const auto at = [&](int dx, int dy) {
          return int{full.rgb[static_cast<std::size_t>(3 * ((2 * y + dy) * width + 2 * x + dx) + c)]};
        };
        const int mean = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4;
        ASSERT_NEAR(half.rgb[static_cast<std::size_t>(3 * (y * half.width + x) + c)], mean, 6) << x << ',' << y;
      }
    }
  }
  options.hint = {.target_width = 0, .target_height = 0, .target_pixels = 10};
  const Image small = decode_image(file, options);  // with 32 pixels of slack, a quarter covers 36 x 35 twice
  EXPECT_EQ(small.width, 101);
  EXPECT_EQ(small.original_width, width);
}

TEST(JpegScale, HintAppliesToTheUprightImage) {
  // Stored 23 x 17, upright 17 x 23: twice 4 x 6 fits into half of the upright image (9 x 12), not of the stored one.
  ImageOptions options;
  options.hint = {.target_width = 4, .target_height = 6};
  const Image image = vlmt::load_image(data_dir + "orientation6.jpg", options);
  EXPECT_EQ(image.width, 9);
  EXPECT_EQ(image.height, 12);
  EXPECT_EQ(image.original_width, 17);
  EXPECT_EQ(image.original_height, 23);
  options.hint = {.target_width = 6, .target_height = 4};
  EXPECT_EQ(vlmt::load_image(data_dir + "orientation6.jpg", options).width, 17);
}

// ---- limits

Bytes png_header(std::uint32_t width, std::uint32_t height) {
  Bytes file = encode_png_rgb(1, 1, Rgb{1, 2, 3});
  for (std::size_t i = 0; i < 4; ++i) {
    file[16 + i] = static_cast<std::byte>(width >> (24 - 8 * i));
    file[20 + i] = static_cast<std::byte>(height >> (24 - 8 * i));
  }
  return file;
}

TEST(ImageLimits, AreCheckedAgainstTheHeaderAndNameTheOption) {
  const std::string message = error_of<LimitError>([] { decode_image(png_header(30000, 30000), {}, "big.png"); });
  EXPECT_EQ(message,
            "big.png: `max_pixels`: the image has too many pixels (expected at most 256000000, found 30000 x 30000)");
  EXPECT_NE(error_of<LimitError>([] { decode_image(png_header(0x7fffffff, 0x7fffffff)); }), "");
  EXPECT_NE(error_of<FileError>([] { decode_image(png_header(0, 5)); }), "");
  EXPECT_NE(error_of<FileError>([] { decode_image(png_header(0x80000000u, 1)); }), "");

  const Rgb rgb = gradient(64, 48);
  for (const Bytes& file : {encode_jpeg(64, 48, rgb), encode_png_rgb(64, 48, rgb), encode_webp(64, 48, rgb, true)}) {
    ImageOptions options;
    options.max_pixels = 64 * 48;
    EXPECT_EQ(decode_image(file, options).width, 64);
    options.max_pixels -= 1;
    EXPECT_NE(error_of<LimitError>([&] { decode_image(file, options); }).find("`max_pixels`"), std::string::npos);
    options = {};
    options.max_memory = 3 * 64 * 48 - 1;
    EXPECT_NE(error_of<LimitError>([&] { decode_image(file, options); }).find("`max_memory`"), std::string::npos);
    options = {};
    options.max_bytes = file.size();
    EXPECT_EQ(decode_image(file, options).width, 64);
    options.max_bytes -= 1;
    EXPECT_NE(error_of<LimitError>([&] { decode_image(file, options); }).find("`max_bytes`"), std::string::npos);
  }
}

TEST(ImageLimits, IncludeProgressiveJpegCoefficients) {
  const Rgb rgb = gradient(256, 256);
  ImageOptions options;
  options.max_memory = 3 * 256 * 256;
  EXPECT_EQ(decode_image(encode_jpeg(256, 256, rgb), options).width, 256);
  EXPECT_THROW(decode_image(encode_jpeg(256, 256, rgb, 95, true), options), LimitError);
}

/// Peak size of the process's address space in KB.
long peak_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmPeak:")) return std::atol(line.c_str() + 7);
  }
  return 0;
}

TEST(ImageLimits, APngChunkLongerThanTheFileIsNotAllocated) {
  Bytes file = read_file(data_dir + "orientation6.png");
  const auto exif = vlmt::find_png_exif(file);
  ASSERT_FALSE(exif.empty());
  file[static_cast<std::size_t>(exif.data() - file.data()) - 8] = std::byte{0x7e};  // 2 GB
  const long before = peak_kb();
  EXPECT_NE(error_of<FileError>([&] { decode_image(file); }).find("the file ends early"), std::string::npos);
  EXPECT_LT(peak_kb() - before, 1 << 20);
}

TEST(ImageLimits, HugeJpegHeaderIsRefused) {
  Bytes file = encode_jpeg(16, 16, gradient(16, 16));
  for (std::size_t i = 0; i + 9 < file.size(); ++i) {  // frame header: FF C0, length, precision, height, width
    if (file[i] == std::byte{0xff} && file[i + 1] == std::byte{0xc0}) {
      for (std::size_t k = 5; k < 9; ++k) file[i + k] = std::byte{0xf0};
      break;
    }
  }
  EXPECT_NE(error_of<LimitError>([&] { decode_image(file); }).find("61680 x 61680"), std::string::npos);
}

// ---- malformed files

TEST(ImageMalformed, ChangedBytesNeverCrash) {
  unsigned refused = 0;
  for (const char* name : {"orientation6.jpg", "progressive.jpg", "cmyk.jpg", "rgba.png", "palette_transparent.png",
                           "lossy.webp", "alpha.webp", "orientation8.webp"}) {
    const Bytes good = read_file(data_dir + name);
    ImageOptions options;
    options.max_pixels = 1 << 20;
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const unsigned value : {0x00u, 0x01u, 0x7fu, 0xffu}) {
        Bytes bad = good;
        bad[i] = static_cast<std::byte>(value);
        try {
          const Image image = decode_image(bad, options);
          EXPECT_EQ(image.rgb.size(),
                    static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3);
        } catch (const vlmt::Error&) {
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 500u);
}

TEST(ImageMalformed, RefusesWhatIsNoFile) {
  EXPECT_NE(error_of<FileError>([] { vlmt::load_image("/no/such/image.jpg"); }).find("/no/such/image.jpg"),
            std::string::npos);
  const TempDir dir;
  EXPECT_NE(error_of<FileError>([&] { vlmt::load_image(dir / ""); }).find("is a directory"), std::string::npos);
}

}  // namespace
