// Damaged image files: read with a note if all pixels are there, else refused; files of other formats, by name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include <gtest/gtest.h>

#include "vlmt/io/load_image.hpp"
#include "vlmt/io/safetensors.hpp"

#include "error_of.hpp"

namespace {

using vlmt::decode_image;
using vlmt::FileError;
using vlmt::Image;
using vlmt::ImageOptions;
using File = std::vector<std::uint8_t>;
using namespace std::string_literals;

/// A file of tests/data/io/make_variants.py, of 19 x 13 pixels.
File variant(const std::string& name) {
  static const auto all = vlmt::SafetensorsFile::open(std::string(VLMT_TEST_DATA) + "/io/variants.safetensors");
  return all.read<std::uint8_t>(name);
}

Image decode(const File& file, const ImageOptions& options = {}) {
  return decode_image(std::as_bytes(std::span(file)), options, "a file");
}

std::string refusal(const File& file, const ImageOptions& options = {}) {
  return error_of<FileError>([&] { decode(file, options); });
}

/// The note on a file that must decode like `good`. A strict reader must refuse it with the same words.
std::string note_on(const File& file, const File& good) {
  std::string note;
  ImageOptions options;
  options.on_note = [&](const std::string& name, const std::string& text) {
    EXPECT_EQ(name, "a file");
    EXPECT_EQ(note, "");
    note = text;
  };
  EXPECT_EQ(decode(file, options).rgb, decode(good).rgb) << note;
  options.strict = true;
  EXPECT_EQ(refusal(file, options), "a file: `strict`: is damaged: " + note.substr(0, note.find("; animated:")));
  return note;
}

File operator+(File file, std::string_view tail) {
  file.insert(file.end(), tail.begin(), tail.end());
  return file;
}

/// The file without its last n bytes.
File without(File file, std::size_t n) {
  file.resize(file.size() - n);
  return file;
}

/// A PNG with the right checksum for its chunk whose name is at `at`.
File with_crc(File file, std::size_t at) {
  const std::size_t length = std::size_t{file[at - 2]} << 8 | file[at - 1];
  const auto crc = static_cast<std::uint32_t>(crc32(0, file.data() + at, static_cast<uInt>(4 + length)));
  for (std::size_t i = 0; i < 4; ++i) file[at + 4 + length + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  return file;
}

/// The offset of a text in a file.
std::size_t find(const File& file, std::string_view text, std::size_t from = 0) {
  const std::string_view all(reinterpret_cast<const char*>(file.data()), file.size());
  const std::size_t at = all.find(text, from);
  EXPECT_NE(at, std::string_view::npos);
  return at;
}

// ---- JPEG

TEST(ImageNotes, AJpegMayEndWithoutItsMarker) {
  for (const char* name :
       {"subsampled0.jpg", "subsampled2.jpg", "subsampled2_progressive.jpg", "cmyk.jpg", "restarts.jpg"}) {
    const File good = variant(name), open = without(good, 2);
    EXPECT_EQ(note_on(open, good), "the end of the file is missing or damaged, after the last pixel") << name;
    EXPECT_EQ(note_on(without(good, 1), good), "the end of the file is missing or damaged, after the last pixel")
        << name;
    // What some phones write there: other data, with an image of its own.
    for (const std::string& tail :
         {std::string("\0\0SEFH", 6).append(100, '\0'), "\xff\xd8\xff\xe0 a thumbnail"s, "\xff\xc4\0\3a table"s,
          "\xff\xda\0\3\1"s, "\xff\xc0\x75\x84\x9a\xc4\0\x1d another frame"s}) {
      EXPECT_NE(note_on(open + tail, good).find("after the last pixel"), std::string::npos) << name;
    }
    EXPECT_EQ(decode(good + "other images of the same file").rgb, decode(good).rgb);
  }
}

TEST(ImageNotes, AJpegCutInItsDataNamesTheRows) {
  const File good = variant("subsampled0.jpg");  // two rows of blocks
  const File first = without(good, good.size() - find(good, "\xff\xda") - 100);
  EXPECT_EQ(refusal(first), "a file: is a damaged JPEG: the image data ends early: 0 of 13 rows are there");
  EXPECT_EQ(refusal(without(good, 10)), "a file: is a damaged JPEG: the image data ends early: 8 of 13 rows are there");
  // An end marker does not bring the missing rows back.
  EXPECT_EQ(refusal(first + "\xff\xd9"),
            "a file: is a damaged JPEG: the image data ends early: 0 of 13 rows are there");
  const File progressive = variant("subsampled0_progressive.jpg");
  const std::size_t second_scan = find(progressive, "\xff\xda", find(progressive, "\xff\xda") + 2);
  const File one_scan(progressive.begin(), progressive.begin() + static_cast<std::ptrdiff_t>(second_scan));
  EXPECT_EQ(refusal(one_scan), "a file: is a damaged JPEG: the file ends early, after 1 scans");
}

TEST(ImageNotes, AJpegWithScansWithoutEndIsRefused) {
  const File good = variant("subsampled1_progressive.jpg");
  std::size_t scan = 0;
  for (std::size_t at = 0; at + 1 < good.size(); ++at) {
    if (good[at] == 0xff && good[at + 1] == 0xda) scan = at;
  }
  File bad(good.begin(), good.end() - 2);
  for (int i = 0; i < 100; ++i) bad.insert(bad.end(), good.begin() + static_cast<std::ptrdiff_t>(scan), good.end() - 2);
  EXPECT_EQ(refusal(bad + "\xff\xd9"), "a file: is a damaged JPEG: more than 100 scans");
}

// libjpeg stores the size in a second frame header before it finds that there may be only one.
TEST(ImageNotes, AJpegWithASecondFrameHeaderBetweenScansIsRefused) {
  File bad = variant("subsampled1_progressive.jpg");
  const std::string header = "\xff\xc0\x75\x84\x9a\xc4\0\x1d a frame"s;
  const auto second_scan = static_cast<std::ptrdiff_t>(find(bad, "\xff\xda", find(bad, "\xff\xda") + 2));
  bad.insert(bad.begin() + second_scan, header.begin(), header.end());
  EXPECT_EQ(refusal(bad), "a file: is a damaged JPEG: Invalid JPEG file structure: two SOF markers");
}

TEST(ImageNotes, AJpegWithABadCodeIsReadAsLibjpegRecoversIt) {
  const File good = variant("restarts.jpg");
  const std::size_t scan = find(good, "\xff\xd0");  // the first restart marker
  for (std::size_t at = 20; at < 60; at += 8) {
    File bad = good;
    for (std::size_t i = 0; i < 8; ++i) bad[scan - at + i] = i % 2 == 0 ? 0xff : 0;  // bits that are 1: no code
    std::string note;
    ImageOptions options;
    options.on_note = [&](const std::string&, const std::string& text) { note = text; };
    const Image image = decode(bad, options);
    EXPECT_NE(note.find("bad Huffman code"), std::string::npos) << note;
    // The restart marker ends the damage. The second block begins with pixel 16; upsampling mixes in one before it.
    const Image whole = decode(good);
    for (std::size_t i = 0; i < whole.rgb.size(); ++i) {
      EXPECT_TRUE(i / 3 % 19 <= 16 || image.rgb[i] == whole.rgb[i]) << i;
    }
    options.strict = true;
    EXPECT_NE(refusal(bad, options).find("Corrupt JPEG data"), std::string::npos);
  }
}

TEST(ImageNotes, AJpegMayHaveStrayBytesBetweenItsSegments) {
  const File good = variant("exif_long_6.jpg");
  File bad = good;
  bad.insert(bad.begin() + 2, {'j', 'u', 'n', 'k'});
  EXPECT_EQ(refusal(bad), "a file: is not a supported image (expected JPEG, PNG, WebP, GIF or BMP)");
  bad = good;
  const std::size_t tables = find(bad, "\xff\xdb");
  bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(tables), {'j', 'u', 'n', 'k'});
  EXPECT_EQ(note_on(bad, good), "Corrupt JPEG data: 4 extraneous bytes before marker 0xdb");
}

// ---- PNG

TEST(ImageNotes, APngMayBeDamagedAfterItsPixels) {
  for (const char* name : {"rgb8.png", "rgba16_interlaced.png", "palette8_alpha.png"}) {
    const File good = variant(name);
    const std::size_t end = find(good, "IEND") - 4;
    const File no_end(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(end));
    const std::string data_cut =
        "the end of the image data is damaged (the file ends early), after the last pixel; the end of the file is "
        "missing";
    EXPECT_EQ(note_on(no_end, good), "the end of the file is missing");
    EXPECT_EQ(note_on(without(good, 1), good), "the end of the file is missing");
    EXPECT_EQ(note_on(good + "!", good), "1 byte follows the end of the image");
    EXPECT_EQ(note_on(good + "garbage", good), "7 bytes follow the end of the image");
    EXPECT_EQ(note_on(no_end + "garbage, not a chunk", good), "the end of the file is missing");
    EXPECT_EQ(note_on(without(no_end, 4), good), data_cut);      // the checksum of the chunk
    EXPECT_EQ(note_on(without(no_end, 4 + 4), good), data_cut);  // and that of all data
    EXPECT_NE(refusal(without(no_end, 4 + 4 + 12)).find("the file ends early: "), std::string::npos) << name;
  }
  EXPECT_EQ(refusal(without(variant("rgb8.png"), 12 + 4 + 300)),
            "a file: is a damaged PNG: the file ends early: 6 of 13 rows are there");
}

TEST(ImageNotes, APngMayHaveWrongChecksums) {
  const File good = variant("xmp_text.png");  // one text, then two chunks of image data
  const auto broken = [&](std::size_t at) {
    File bad = good;
    bad[at] ^= 0x55;
    return bad;
  };
  const std::size_t header = find(good, "IHDR"), data = find(good, "IDAT"), second = find(good, "IDAT", data + 4);
  const std::size_t last = find(good, "IEND") - 4;
  EXPECT_EQ(note_on(broken(data - 5), good), "the checksum of a chunk that is no image data is wrong");
  // Image data has two checksums. One of them may be wrong.
  EXPECT_EQ(note_on(broken(last - 1), good), "the checksum of a chunk of image data is wrong");
  EXPECT_EQ(note_on(broken(data + 4 + 40), good), "the checksum of a chunk of image data is wrong");
  EXPECT_EQ(note_on(with_crc(broken(last - 5), second), good), "the checksum of the image data is wrong");
  EXPECT_EQ(refusal(broken(last - 5)).find("a file: is a damaged PNG: IDAT: incorrect data check"), 0u);
  EXPECT_EQ(refusal(broken(last - 40)).find("a file: is a damaged PNG: "), 0u);
  EXPECT_EQ(refusal(broken(header + 17)), "a file: is a damaged PNG: the checksum of its IHDR chunk is wrong");
}

// ---- WebP

TEST(ImageNotes, AWebpMayHaveAWrongSizeOrTail) {
  for (const char* name : {"rgba.webp", "rgb_lossy.webp", "rgba_lossy.webp", "exif_long.webp"}) {
    const File good = variant(name);
    const auto with_size = [&](std::uint32_t size) {
      File bad = good;
      for (std::size_t i = 0; i < 4; ++i) bad[4 + i] = static_cast<std::uint8_t>(size >> 8 * i);
      return bad;
    };
    EXPECT_EQ(note_on(with_size(0), good), "the size in the RIFF header is wrong") << name;
    EXPECT_EQ(note_on(with_size(20), good), "the size in the RIFF header is wrong") << name;
    EXPECT_EQ(note_on(with_size(1000000), good), "the end of the file is missing") << name;
    EXPECT_EQ(note_on(with_size(0xffffffff), good), "the end of the file is missing") << name;
    EXPECT_EQ(note_on(good + "a tail", good), "6 bytes follow the end of the image") << name;
  }
  EXPECT_NE(refusal(without(variant("rgba_lossy.webp"), 30)).find(" of 13 rows are there"), std::string::npos);
  const File exif = variant("exif_long.webp");
  std::string note;
  ImageOptions options;
  options.on_note = [&](const std::string&, const std::string& text) { note = text; };
  EXPECT_EQ(decode(without(exif, 10), options).width, 19);  // as stored: the orientation is lost, and said to be
  EXPECT_EQ(note, "the end of the file is missing");
}

// ---- GIF and BMP

TEST(ImageNotes, AGifMayBeDamagedAfterItsFirstFrame) {
  const File good = variant("index4.gif");
  EXPECT_EQ(note_on(without(good, 1), good), "the end of the file is missing");
  EXPECT_EQ(note_on(without(good, 2), good), "the end of the file is missing");
  EXPECT_EQ(note_on(good + "tail", good), "4 bytes follow the end of the image");
  EXPECT_EQ(note_on(without(good, 1) + "?;", good), "the file is damaged after the first frame");
  EXPECT_EQ(refusal(without(good, 40)), "a file: is a damaged GIF: the file ends early: 10 of 13 rows are there");
  const File animated = variant("animated.gif");
  EXPECT_EQ(note_on(without(animated, 30), animated),
            "the end of the file is missing; animated: the first of 3 frames is read");
}

TEST(ImageNotes, ABmpMayLackPaddingAndItsEndMark) {
  const File rows = variant("rgb24.bmp"), runs = variant("rle8.bmp");  // 57 of 60 bytes in a row
  EXPECT_EQ(note_on(without(rows, 3), rows), "the end of the file is missing, after the last pixel");
  EXPECT_EQ(note_on(without(runs, 1), runs), "the end of the file is missing, after the last pixel");
  EXPECT_EQ(note_on(without(runs, 4), runs), "the end of the file is missing, after the last pixel");
  EXPECT_EQ(decode(rows + "tail").rgb, decode(rows).rgb);
  EXPECT_EQ(refusal(without(rows, 4)), "a file: is a damaged BMP: the file ends early: 12 of 13 rows are there");
  EXPECT_EQ(refusal(without(runs, 30)), "a file: is a damaged BMP: the file ends early: 12 of 13 rows are there");
}

TEST(ImageNotes, AHugeBmpWithoutPixelsIsRefusedBeforeItIsAllocated) {
  File bad = variant("rgb24.bmp");
  for (const std::size_t at : {18u, 22u}) bad[at] = bad[at + 1] = 0x27;  // 10007 x 10007
  EXPECT_EQ(refusal(bad), "a file: is a damaged BMP: the file ends early: 0 of 10023 rows are there");
}

TEST(ImageNotes, BmpsOfUnsupportedKindsAreRefused) {
  File bad = variant("rgb24.bmp");
  bad[28] = 48;
  EXPECT_EQ(refusal(bad), "a file: is a BMP of an unsupported kind: 48 bits per pixel");
  bad = variant("rgb24.bmp");
  bad[30] = 4;  // a JPEG inside
  EXPECT_EQ(refusal(bad), "a file: is a BMP of an unsupported kind: compression 4 of 24 bits");
  bad = variant("rgb24.bmp");
  for (std::size_t i = 0; i < 4; ++i) bad[22 + i] = i == 3 ? 0x80 : 0;  // the height is the least integer
  EXPECT_EQ(refusal(bad), "a file: is not a readable BMP: an image of 19 x -2147483648 pixels");
}

// ---- transparency

TEST(ImageNotes, TransparentPixelsShowTheBackground) {
  for (const char* name : {"rgba8.png", "rgba16.png", "palette4_alpha.png", "rgb8_key.png",
                           "grey_alpha16_interlaced.png", "rgba.webp", "rgba_lossy.webp", "animated_rgba.webp",
                           "index4_transparent.gif", "part_transparent.gif", "rgba32_v5.bmp", "rgba32.bmp"}) {
    const File file = variant(name);
    ImageOptions options;
    options.background = {10, 200, 30};
    const Image white = decode(file), green = decode(file, options);
    options.background = {0, 0, 0};
    const Image black = decode(file, options);
    options.alpha = vlmt::AlphaPolicy::Drop;
    const Image dropped = decode(file, options);
    std::size_t clear = 0, opaque = 0;
    for (std::size_t i = 0; i < white.rgb.size(); i += 3) {
      const bool is_clear = black.rgb[i] == 0 && black.rgb[i + 1] == 0 && black.rgb[i + 2] == 0 &&
                            white.rgb[i] == 255 && white.rgb[i + 1] == 255 && white.rgb[i + 2] == 255;
      if (is_clear) {
        ++clear;
        EXPECT_EQ(green.rgb[i], 10) << name;
        EXPECT_EQ(green.rgb[i + 1], 200) << name;
        EXPECT_EQ(green.rgb[i + 2], 30) << name;
      } else if (white.rgb[i] == black.rgb[i]) {
        ++opaque;
        EXPECT_EQ(green.rgb[i], white.rgb[i]) << name;
        EXPECT_EQ(dropped.rgb[i], white.rgb[i]) << name;
      }
    }
    EXPECT_GT(clear, 0u) << name;
    EXPECT_GT(opaque, 0u) << name;
  }
}

// ---- other formats

TEST(ImageKind, NamesFilesOfOtherFormats) {
  const std::string isobmff =
      "\0\0\0\x1c"
      "ftyp"s;
  const std::pair<std::string, std::string> files[] = {
      {"II*\0"s, "a TIFF file"},
      {"MM\0*"s, "a TIFF file"},
      {"MM\0+"s, "a TIFF file"},
      {isobmff + "heic\0\0\0\0mif1heic"s, "a HEIC file"},
      {isobmff + "mif1\0\0\0\0mif1heic"s, "a HEIC file"},
      {isobmff + "avif\0\0\0\0mif1avif"s, "an AVIF file"},
      {isobmff + "mif1\0\0\0\0mif1avif"s, "an AVIF file"},
      {isobmff + "isom\0\0\2\0isomiso2"s, "a video (MP4 or MOV)"},
      {"%PDF-1.7\n"s, "a PDF file"},
      {"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>"s, "an SVG file"},
      {"\xef\xbb\xbf  <SVG/>"s, "an SVG file"},
      {"<!DOCTYPE html><title>404</title>"s, "an HTML page"},
      {"\xff\x0a\1\2"s, "a JPEG XL file"},
      {"\0\0\0\x0cJXL \r\n\x87\n"s, "a JPEG XL file"},
      {"\0\0\0\x0cjP  \r\n\x87\n"s, "a JPEG 2000 file"},
      {"\xff\x4f\xff\x51"s, "a JPEG 2000 file"},
      {"P6\n4 4\n255\n"s, "a PNM file"},
      {"GGUF\3\0\0\0"s, "a GGUF model"},
      {"PK\3\4"s, "a ZIP archive"},
  };
  for (const auto& [start, name] : files) {
    const std::string text = start + std::string(32, '\0');
    const std::string want = "a file: is " + name + "; vlmt reads JPEG, PNG, WebP, GIF and BMP: convert it first";
    const File file(text.begin(), text.end());
    EXPECT_EQ(refusal(file), want);
    EXPECT_EQ(error_of<FileError>([&] { vlmt::probe_image(std::as_bytes(std::span(file)), "a file"); }), want);
  }
  for (const std::string& text :
       {"BMW, a letter about a car"s, "no image"s, "GIF88a"s, "P"s, "x"s, "RIFF1234WAVEfmt "s}) {
    EXPECT_EQ(refusal(File(text.begin(), text.end())),
              "a file: is not a supported image (expected JPEG, PNG, WebP, GIF or BMP)");
  }
}

}  // namespace
