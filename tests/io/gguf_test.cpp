#include "vlmt/io/gguf.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/gguf_writer.hpp"

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace {

using vlmt::FileError;
using vlmt::GgufFile;
using vlmt::GgufHeader;
using vlmt::GgufType;
using vlmt::GgufWriter;
using vlmt::InputError;
using Ne = std::vector<std::uint64_t>;

constexpr std::uint32_t f32 = 0;
constexpr std::uint32_t q4_0 = 2;
constexpr std::uint32_t q6_k = 14;
constexpr std::uint32_t iq1_s = 19;

std::vector<std::byte> pattern(std::size_t n, unsigned seed) {
  std::vector<std::byte> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::byte>(seed + 7 * i);
  return bytes;
}

void write_file(const std::string& path, const GgufHeader& header) {
  GgufWriter writer(path, header);
  unsigned seed = 0;
  for (const std::uint64_t n : header.tensor_bytes()) writer.write(pattern(n, seed++));
  writer.finish();
}

GgufHeader all_types(std::uint64_t alignment = 32) {
  GgufHeader h(alignment);
  h.set("u8", std::uint8_t{200});
  h.set("i8", std::int8_t{-100});
  h.set("u16", std::uint16_t{60000});
  h.set("i16", std::int16_t{-30000});
  h.set("u32", std::uint32_t{4000000000u});
  h.set("i32", std::int32_t{-2000000000});
  h.set("u64", std::uint64_t{1} << 63);
  h.set("i64", std::int64_t{-1} << 62);
  h.set("f32", 1.5f);
  h.set("f64", 0.1);
  h.set("yes", true);
  h.set("no", false);
  h.set("text", "h\xc3\xa9llo");
  h.set("empty", std::string());
  h.set_array("ints", std::vector<std::int32_t>{24, 20, 20, 0});
  h.set_array("floats", std::vector<float>{0.5f, -0.25f});
  h.set_array("bools", std::vector<bool>{true, false, true});
  h.set_array("tokens", std::vector<std::string>{"a", "", "\xc4\xa0world", std::string("z\0z", 3)});
  h.set_array("nothing", std::vector<std::uint16_t>{});
  return h;
}

TEST(Gguf, RoundTripsKeysOfAllTypes) {
  for (const std::uint64_t alignment : {1u, 8u, 32u, 4096u}) {
    const TempDir dir;
    write_file(dir / "a.gguf", all_types(alignment));
    const GgufFile file = GgufFile::open(dir / "a.gguf");
    EXPECT_EQ(file.version(), 3u);
    EXPECT_EQ(file.alignment(), alignment);
    EXPECT_EQ(file.require<std::uint8_t>("u8"), 200);
    EXPECT_EQ(file.require<int>("i8"), -100);
    EXPECT_EQ(file.require<std::uint64_t>("u16"), 60000u);
    EXPECT_EQ(file.require<std::int64_t>("i16"), -30000);
    EXPECT_EQ(file.require<std::size_t>("u32"), 4000000000u);
    EXPECT_EQ(file.require<std::int32_t>("i32"), -2000000000);
    EXPECT_EQ(file.require<std::uint64_t>("u64"), std::uint64_t{1} << 63);
    EXPECT_EQ(file.require<std::int64_t>("i64"), std::int64_t{-1} << 62);
    EXPECT_EQ(file.require<float>("f32"), 1.5f);
    EXPECT_EQ(file.require<double>("f64"), 0.1);
    EXPECT_EQ(file.require<double>("u8"), 200.0);
    EXPECT_TRUE(file.require<bool>("yes"));
    EXPECT_FALSE(file.get_or<bool>("no", true));
    EXPECT_EQ(file.require<std::string_view>("text"), "h\xc3\xa9llo");
    EXPECT_EQ(file.require<std::string>("empty"), "");
    EXPECT_EQ(file.require_array<std::uint32_t>("ints", 4), (std::vector<std::uint32_t>{24, 20, 20, 0}));
    EXPECT_EQ(file.require_array<double>("floats"), (std::vector<double>{0.5, -0.25}));
    EXPECT_EQ(file.require_array<bool>("bools"), (std::vector<bool>{true, false, true}));
    EXPECT_EQ(file.require_array<std::string>("tokens"),
              (std::vector<std::string>{"a", "", "\xc4\xa0world", std::string("z\0z", 3)}));
    EXPECT_TRUE(file.require_array<int>("nothing", 0).empty());
    EXPECT_EQ(file.get_or<int>("absent", 7), 7);
    EXPECT_FALSE(file.find_array<int>("absent"));
    EXPECT_EQ(file.find("absent"), nullptr);
    EXPECT_EQ(file.require_per_layer<int>("u8", 3), (std::vector<int>{200, 200, 200}));
    EXPECT_EQ(file.require_per_layer<int>("ints", 4), (std::vector<int>{24, 20, 20, 0}));
  }
}

TEST(Gguf, RefusesValuesOfWrongTypeRangeOrLength) {
  const auto bytes = all_types().bytes();
  const GgufFile file = GgufFile::parse(bytes, "mem");
  const auto refused = [&](auto f) { return error_of<FileError>(f); };
  EXPECT_EQ(refused([&] { file.require<int>("absent"); }), "mem: `absent`: the key is missing");
  const std::string range = refused([&] { file.require<std::uint16_t>("u32"); });
  EXPECT_NE(range.find("`u32`: has the wrong type or is out of range (expected an integer in [0, 65535], found u32 4"),
            std::string::npos)
      << range;
  for (const char* key : {"f32", "f64", "yes", "text", "ints"}) {
    EXPECT_NE(refused([&] { file.require<int>(key); }), "") << key;
  }
  EXPECT_NE(refused([&] { file.require<unsigned>("i8"); }), "");
  EXPECT_NE(refused([&] { file.require<std::int64_t>("u64"); }), "");
  for (const char* key : {"u8", "text", "bools"}) EXPECT_NE(refused([&] { file.require<bool>(key); }), "") << key;
  for (const char* key : {"yes", "text", "floats"}) EXPECT_NE(refused([&] { file.require<float>(key); }), "") << key;
  for (const char* key : {"u8", "tokens"}) EXPECT_NE(refused([&] { file.require<std::string>(key); }), "") << key;
  EXPECT_NE(refused([&] { file.get_or<int>("text", 1); }), "");
  EXPECT_NE(refused([&] { file.require_array<int>("u8"); }), "");
  EXPECT_NE(refused([&] { file.require_array<int>("floats"); }), "");
  EXPECT_NE(refused([&] { file.require_array<std::string>("ints"); }), "");
  EXPECT_NE(refused([&] { file.require_array<float>("tokens"); }), "");
  EXPECT_NE(refused([&] { file.require_per_layer<int>("ints", 5); }), "");
  const std::string length = refused([&] { file.require_array<int>("ints", 3); });
  EXPECT_NE(length.find("`ints`: the array has the wrong length (expected 3 elements, found 4)"), std::string::npos)
      << length;
}

TEST(Gguf, MapsTensorsOfKnownTypesWithoutCopying) {
  for (const std::uint64_t alignment : {1u, 32u, 256u}) {
    const TempDir dir;
    GgufHeader header(alignment);
    header.set("general.architecture", "test");
    header.add_tensor("a", f32, Ne{3});
    header.add_tensor("b", q4_0, Ne{64, 3});
    header.add_tensor("c", iq1_s, Ne{256, 2, 1, 2});
    header.add_tensor("d", q6_k, Ne{512, 1, 3});
    EXPECT_EQ(header.bytes().size() % alignment, 0u);
    write_file(dir / "t.gguf", header);
    const GgufFile file = GgufFile::open(dir / "t.gguf");
    ASSERT_EQ(file.tensors().size(), 4u);
    const auto mapped = file.mappings()[0]->bytes();
    const std::size_t sizes[] = {12, 3 * 2 * 18, 4 * 50, 3 * 2 * 210};
    for (unsigned i = 0; i < 4; ++i) {
      const vlmt::GgufTensor& t = file.tensors()[i];
      EXPECT_EQ(t.data.size(), sizes[i]);
      EXPECT_EQ(t.data.data(), mapped.data() + t.offset);
      EXPECT_EQ(t.offset % alignment, 0u);
      EXPECT_EQ(t.file, dir / "t.gguf");
      EXPECT_EQ(t.mapping, file.mappings()[0]);
      const auto expected = pattern(sizes[i], i);
      EXPECT_EQ(std::memcmp(t.data.data(), expected.data(), sizes[i]), 0);
    }
    const auto& c = file.require_tensor("c");
    EXPECT_EQ(c.n_dims, 4u);
    EXPECT_EQ(c.ne, (std::array<std::uint64_t, 4>{256, 2, 1, 2}));
    EXPECT_EQ(c.elements(), 1024u);
    EXPECT_EQ(c.shape(), "{256, 2, 1, 2}");
    EXPECT_EQ(file.find_tensor("e"), nullptr);
    EXPECT_EQ(error_of<FileError>([&] { file.require_tensor("e"); }), dir / "t.gguf: `e`: the tensor is missing");
  }
}

TEST(Gguf, TensorsOutliveTheFile) {
  const TempDir dir;
  GgufHeader header;
  header.add_tensor("a", f32, Ne{64});
  write_file(dir / "t.gguf", header);
  const vlmt::GgufTensor tensor = GgufFile::open(dir / "t.gguf").require_tensor("a");
  EXPECT_EQ(std::memcmp(tensor.data.data(), pattern(256, 0).data(), 256), 0);
}

TEST(Gguf, CopiesValuesFromFileToFile) {
  const auto first = all_types().bytes();
  const GgufFile source = GgufFile::parse(first, "first");
  GgufHeader header;
  for (const vlmt::GgufValue& value : source.values()) header.set(value);
  EXPECT_EQ(header.bytes(), first);
}

TEST(Gguf, ReadsVersionTwo) {
  GgufHeader header(32, 2);
  header.set("k", 1);
  const auto bytes = header.bytes();
  EXPECT_EQ(GgufFile::parse(bytes, "mem").version(), 2u);
}

TEST(Gguf, ReadsAVocabularyOf150000TokensQuickly) {
  std::vector<std::string> tokens(151936), merges(151387);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = "token" + std::to_string(i);
  for (std::size_t i = 0; i < merges.size(); ++i) merges[i] = "le" + std::to_string(i) + " ft";
  GgufHeader header;
  header.set_array("tokenizer.ggml.tokens", tokens);
  header.set_array("tokenizer.ggml.merges", merges);
  const auto bytes = header.bytes();
  const auto start = std::chrono::steady_clock::now();
  const GgufFile file = GgufFile::parse(bytes, "mem");
  const auto views = file.require_array<std::string_view>("tokenizer.ggml.tokens");
  const auto merge_views = file.require_array<std::string_view>("tokenizer.ggml.merges");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(views.back(), tokens.back());
  EXPECT_EQ(merge_views.back(), merges.back());
  RecordProperty("milliseconds", static_cast<int>(1000 * seconds.count()));
  EXPECT_LT(seconds.count(), 1.0);  // a few ms when optimised; the limit leaves room for sanitizers
}

// ---- split files

std::string part_name(int i, int n) {
  char name[64];
  std::snprintf(name, sizeof name, "m-%05d-of-%05d.gguf", i, n);
  return name;
}

GgufHeader part_header(std::uint16_t no, std::uint16_t count, std::int32_t tensors) {
  GgufHeader header;
  if (no == 0) header.set("general.architecture", "test");
  header.set("split.no", no);
  header.set("split.count", count);
  header.set("split.tensors.count", tensors);
  return header;
}

void write_split(const TempDir& dir, std::int32_t total = 4) {
  for (std::uint16_t i = 0; i < 3; ++i) {
    GgufHeader header = part_header(i, 3, total);
    header.add_tensor("t" + std::to_string(i), f32, Ne{8u * (i + 1u)});
    if (i == 1) header.add_tensor("more", f32, Ne{4});
    write_file(dir / part_name(i + 1, 3), header);
  }
}

TEST(GgufSplit, OpeningTheFirstFileOpensAll) {
  const TempDir dir;
  write_split(dir);
  const GgufFile file = GgufFile::open(dir / part_name(1, 3));
  EXPECT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.mappings().size(), 3u);
  EXPECT_EQ(file.require<std::string>("general.architecture"), "test");
  const auto& t2 = file.require_tensor("t2");
  EXPECT_EQ(t2.ne[0], 24u);
  EXPECT_EQ(t2.file, dir / part_name(3, 3));
  EXPECT_EQ(t2.mapping, file.mappings()[2]);
  EXPECT_EQ(std::memcmp(t2.data.data(), pattern(96, 0).data(), 96), 0);
}

TEST(GgufSplit, RefusesFilesThatDoNotBelongTogether) {
  const auto refused = [](const std::string& path) { return error_of<FileError>([&] { GgufFile::open(path); }); };
  {
    const TempDir dir;
    write_split(dir);
    EXPECT_NE(refused(dir / part_name(2, 3)).find("not the first file of a split: open " + (dir / part_name(1, 3))),
              std::string::npos);
    std::filesystem::rename(dir / part_name(3, 3), dir / "elsewhere");
    EXPECT_NE(refused(dir / part_name(1, 3)).find(part_name(3, 3) + ": cannot be opened"), std::string::npos);
    std::filesystem::copy_file(dir / part_name(2, 3), dir / part_name(3, 3));
    EXPECT_NE(refused(dir / part_name(1, 3)).find("`split.no`: is not the expected file"), std::string::npos);
    std::filesystem::rename(dir / part_name(1, 3), dir / "renamed.gguf");
    EXPECT_NE(refused(dir / "renamed.gguf").find("must keep its name"), std::string::npos);
  }
  {
    const TempDir dir;
    write_split(dir, 5);
    EXPECT_NE(refused(dir / part_name(1, 3)).find("`split.tensors.count`"), std::string::npos);
  }
  {
    const TempDir dir;
    write_split(dir);
    GgufHeader twice = part_header(2, 3, 4);
    twice.add_tensor("t0", f32, Ne{8});
    write_file(dir / part_name(3, 3), twice);
    EXPECT_NE(refused(dir / part_name(1, 3)).find("`t0`: the tensor occurs in more than one file"), std::string::npos);
    write_file(dir / part_name(3, 3), part_header(2, 4, 4));
    EXPECT_NE(refused(dir / part_name(1, 3)).find("`split.count`"), std::string::npos);
    write_file(dir / part_name(3, 3), GgufHeader());
    EXPECT_NE(refused(dir / part_name(1, 3)).find("`split.no`: the key is missing"), std::string::npos);
    write_file(dir / "x.gguf", part_header(3, 3, 0));
    EXPECT_NE(refused(dir / "x.gguf").find("split number is out of range"), std::string::npos);
  }
}

// ---- the writer

TEST(GgufWriter, UnfinishedFilesAreRemoved) {
  const TempDir dir;
  GgufHeader header;
  header.add_tensor("a", f32, Ne{4});
  {
    GgufWriter writer(dir / "a.gguf", header);
    writer.write(pattern(15, 0));
    EXPECT_THROW(writer.write(pattern(2, 0)), InputError);
    EXPECT_THROW(writer.finish(), InputError);
  }
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(dir / "")));
  EXPECT_THROW(GgufWriter(dir / "no/such/a.gguf", header), FileError);
}

TEST(GgufWriter, AcceptsTensorsInPieces) {
  const TempDir dir;
  GgufHeader header;
  header.add_tensor("a", f32, Ne{5});
  header.add_tensor("b", f32, Ne{2});
  {
    GgufWriter writer(dir / "a.gguf", header);
    const auto a = pattern(20, 3);
    writer.write(std::span(a).first(7));
    writer.write(std::span(a).subspan(7));
    writer.write(pattern(8, 9));
    writer.finish();
  }
  const GgufFile file = GgufFile::open(dir / "a.gguf");
  EXPECT_EQ(std::memcmp(file.require_tensor("a").data.data(), pattern(20, 3).data(), 20), 0);
  EXPECT_EQ(std::memcmp(file.require_tensor("b").data.data(), pattern(8, 9).data(), 8), 0);
}

TEST(GgufWriter, RefusesInvalidDeclarations) {
  GgufHeader header;
  header.set("k", 1);
  EXPECT_THROW(header.set("k", 2), InputError);
  EXPECT_THROW(header.set("", 2), InputError);
  EXPECT_THROW(GgufHeader(3), InputError);
  EXPECT_THROW(GgufHeader(0), InputError);
  EXPECT_THROW(GgufHeader(32, 1), InputError);
  EXPECT_THROW(GgufHeader(32, 4), InputError);
  // The constructor writes the alignment, by which it places tensors.
  EXPECT_THROW(header.set("general.alignment", std::uint32_t{64}), InputError);
  EXPECT_THROW(header.add_tensor("", f32, Ne{1}), InputError);
  EXPECT_THROW(header.add_tensor(std::string(64, 'x'), f32, Ne{1}), InputError);
  EXPECT_THROW(header.add_tensor("t", 4, Ne{32}), InputError);
  EXPECT_THROW(header.add_tensor("t1", q4_0, Ne{33}), InputError);
  EXPECT_THROW(header.add_tensor("t2", f32, Ne{}), InputError);
  EXPECT_THROW(header.add_tensor("t3", f32, Ne{1, 1, 1, 1, 1}), InputError);
  EXPECT_THROW(header.add_tensor("t4", f32, Ne{0}), InputError);
  EXPECT_THROW(header.add_tensor("t5", f32, (Ne{std::uint64_t{1} << 40, std::uint64_t{1} << 40})), InputError);
  header.add_tensor("a", f32, Ne{1});
  EXPECT_THROW(header.add_tensor("a", f32, Ne{1}), InputError);
}

}  // namespace
