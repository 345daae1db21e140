// Malformed GGUF files: each must be refused with a vlmt::FileError and never crash.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/gguf.hpp"

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace {

using vlmt::FileError;
using vlmt::GgufFile;

constexpr std::int64_t max_count = std::numeric_limits<std::int64_t>::max();

/// A GGUF file with the offsets of its fields, so that a test can truncate it at each.
struct Fields {
  std::vector<std::byte> bytes;
  std::vector<std::size_t> starts;  // offset of each field

  template <class T>
  Fields& put(T value) {
    starts.push_back(bytes.size());
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof value);
    return *this;
  }
  Fields& text(const std::string& value) {
    put(static_cast<std::uint64_t>(value.size()));
    starts.push_back(bytes.size());
    for (const char c : value) bytes.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Fields& type(std::uint32_t value) { return put(value); }
};

/// Field values of the file made by build(); a test changes one of the valid defaults.
struct Change {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::int64_t n_tensors = 2;
  std::int64_t n_keys = 5;
  std::string first_key = "general.alignment";
  std::uint32_t alignment_type = 4;
  std::uint32_t alignment = 32;
  std::string second_key = "ints";
  std::uint32_t array_type = 5;
  std::uint64_t array_count = 3;
  std::uint32_t string_type = 8;
  std::uint64_t strings_count = 2;
  std::uint64_t string_length = 3;
  std::uint8_t boolean = 1;
  std::uint8_t bool_element = 0;
  std::string name_a = "a";
  std::string name_b = "b";
  std::uint32_t n_dims = 2;
  std::int64_t ne0 = 32, ne1 = 2;
  std::uint32_t type_a = 2;  // Q4_0
  std::uint64_t offset_a = 0, offset_b = 64;
  std::size_t data = 64 + 16;
};

Fields build(const Change& c) {
  Fields f;
  for (const char ch : c.magic) f.bytes.push_back(static_cast<std::byte>(ch));
  f.put(c.version).put(c.n_tensors).put(c.n_keys);
  f.text(c.first_key).type(c.alignment_type).put(c.alignment);
  f.text(c.second_key).type(9).type(c.array_type).put(c.array_count);
  for (std::int32_t i = 0; i < 3; ++i) f.put(i);
  f.text("words").type(9).type(c.string_type).put(c.strings_count).text("x");
  f.put(c.string_length);
  f.starts.push_back(f.bytes.size());
  for (const char ch : std::string("yyy")) f.bytes.push_back(static_cast<std::byte>(ch));
  f.text("flag").type(7).put(c.boolean);
  f.text("flags").type(9).type(7).put(std::uint64_t{2}).put(c.bool_element).put(std::uint8_t{1});
  f.text(c.name_a).put(c.n_dims).put(c.ne0).put(c.ne1).type(c.type_a).put(c.offset_a);
  f.text(c.name_b).put(std::uint32_t{1}).put(std::int64_t{4}).type(0).put(c.offset_b);
  f.starts.push_back(f.bytes.size());
  f.bytes.resize((f.bytes.size() + 31) / 32 * 32);
  f.starts.push_back(f.bytes.size());
  f.bytes.resize(f.bytes.size() + c.data, std::byte{0x55});
  return f;
}

/// Parses a file and reads all that the parser accepted.
std::uint64_t read_all(std::span<const std::byte> bytes) {
  const GgufFile file = GgufFile::parse(bytes, "mem");
  std::uint64_t sum = 0;
  for (const vlmt::GgufValue& value : file.values()) {
    sum += value.key.size();
    if (value.type == vlmt::GgufType::String) {
      if (value.is_array) {
        for (const auto& text : file.require_array<std::string>(value.key)) sum += text.size();
      } else {
        sum += file.require<std::string>(value.key).size();
      }
    } else if (value.type == vlmt::GgufType::Bool) {
      sum += value.is_array ? file.require_array<bool>(value.key).size() : file.require<bool>(value.key);
    } else if (value.is_array) {
      sum += file.require_array<double>(value.key).size();
    } else {
      sum += file.require<double>(value.key) > 0;
    }
  }
  for (const vlmt::GgufTensor& tensor : file.tensors()) {
    for (const std::byte b : tensor.data) sum += std::to_integer<unsigned>(b);
  }
  return sum;
}

TEST(GgufMalformed, TheUnchangedFileIsValid) {
  const Fields good = build({});
  EXPECT_GT(read_all(good.bytes), 0u);
  const GgufFile file = GgufFile::parse(good.bytes, "mem");
  EXPECT_EQ(file.require_array<int>("ints", 3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(file.require_tensor("b").data.size(), 16u);
}

TEST(GgufMalformed, RefusesTruncationAtEveryByte) {
  const Fields good = build({});
  for (std::size_t n = 0; n < good.bytes.size(); ++n) {
    const std::vector<std::byte> cut(good.bytes.begin(), good.bytes.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_THROW(GgufFile::parse(cut, "mem"), FileError) << n << " bytes of " << good.bytes.size();
  }
}

TEST(GgufMalformed, ErrorsOfTruncatedFilesStartWithThePath) {
  const TempDir dir;
  const Fields good = build({});
  for (const std::size_t n : good.starts) {
    const std::string path = dir.write("t.gguf", std::span(good.bytes).first(n));
    const std::string message = error_of<FileError>([&] { GgufFile::open(path); });
    EXPECT_EQ(message.find(path), 0u) << n << ": " << message;
  }
}

TEST(GgufMalformed, RefusesEachBadValueOfEachField) {
  std::vector<std::pair<std::string, std::function<void(Change&)>>> cases;
  const auto add = [&](const std::string& name, auto member, auto... values) {
    (cases.emplace_back(
         name + " = " + std::to_string(values),
         [member, values](Change& c) { c.*member = static_cast<std::decay_t<decltype(c.*member)>>(values); }),
     ...);
  };
  const auto add_text = [&](const std::string& name, std::string Change::*member, const std::string& value) {
    cases.emplace_back(name + " = '" + value + "'", [member, value](Change& c) { c.*member = value; });
  };
  add_text("magic", &Change::magic, "GGML");
  add_text("magic", &Change::magic, "FUGG");
  add("version", &Change::version, 0, 1, 4, 0x03000000, 0x02000000, 0xffffffffu);
  add("n_tensors", &Change::n_tensors, -1, 3, max_count, max_count - 1, std::int64_t{1} << 32,
      std::numeric_limits<std::int64_t>::min());
  add("n_keys", &Change::n_keys, -1, 4, 6, max_count, std::int64_t{1} << 60, std::numeric_limits<std::int64_t>::min());
  add_text("first_key", &Change::first_key, "");
  add_text("second_key", &Change::second_key, "general.alignment");
  add("alignment_type", &Change::alignment_type, 5, 6, 8, 9, 10, 13, 0xffffffffu);
  add("alignment", &Change::alignment, 0, 3, 31, 33, 64, 1 << 17, 0x80000000u, 0xffffffffu);
  add("array_type", &Change::array_type, 8, 9, 10, 13, 0x80000005u);
  add("array_count", &Change::array_count, 2, 4, 1u << 30, (1u << 30) + 1, std::uint64_t{1} << 62,
      std::uint64_t{1} << 63, ~std::uint64_t{0});
  add("string_type", &Change::string_type, 0, 9, 13, 255);
  add("strings_count", &Change::strings_count, 1, 3, 1u << 30, std::uint64_t{1} << 61, ~std::uint64_t{0});
  add("string_length", &Change::string_length, 0, 2, 4, (1u << 30) + 1, std::uint64_t{1} << 63, ~std::uint64_t{0},
      ~std::uint64_t{0} - 7);
  add("boolean", &Change::boolean, 2, 255);
  add("bool_element", &Change::bool_element, 2, 128);
  add_text("name_a", &Change::name_a, "");
  add_text("name_a", &Change::name_a, std::string(64, 'n'));
  add_text("name_b", &Change::name_b, "a");
  add("n_dims", &Change::n_dims, 1, 3, 4, 5, 0x7fffffff, 0xffffffffu);
  add("ne0", &Change::ne0, 0, -1, -32, 16, 33, 64, max_count, max_count - 31, std::int64_t{1} << 62);
  add("ne1", &Change::ne1, 0, -1, 1, 5, std::int64_t{1} << 58, max_count, std::numeric_limits<std::int64_t>::min());
  add("type_a", &Change::type_a, 4, 5, 31, 33, 36, 38, 43, 1000, 0x80000002u, 0xffffffffu, 12);
  add("offset_a", &Change::offset_a, 1, 32, 64, ~std::uint64_t{0}, ~std::uint64_t{0} - 31);
  add("offset_b", &Change::offset_b, 0, 32, 63, 65, 96, std::uint64_t{1} << 63, ~std::uint64_t{0} - 63);
  add("data", &Change::data, 0, 1, 63, 64, 79);
  for (const auto& [name, change] : cases) {
    Change c;
    change(c);
    const Fields bad = build(c);
    const std::string message = error_of<FileError>([&] { read_all(bad.bytes); });
    EXPECT_EQ(message.find("mem: offset "), 0u) << name << ": " << message;
  }
}

TEST(GgufMalformed, RefusesOverflowingTensorSizes) {
  // The element count of each fits 63 bits; the bytes as F32 or their running sum do not.
  Change c;
  c.type_a = 0;
  for (const std::int64_t ne1 : {std::int64_t{1} << 57, std::int64_t{1} << 56, std::int64_t{1} << 55}) {
    c.ne1 = ne1;
    EXPECT_THROW(GgufFile::parse(build(c).bytes, "mem"), FileError) << ne1;
  }
}

TEST(GgufMalformed, ChangedBytesNeverCrash) {
  // Some changes are harmless (a character of a name). All others must be refused, and none may crash.
  const Fields good = build({});
  unsigned refused = 0;
  unsigned read = 0;
  for (std::size_t i = 0; i < good.bytes.size(); ++i) {
    for (const unsigned value : {0x00u, 0x01u, 0x07u, 0x09u, 0x7fu, 0x80u, 0xffu}) {
      std::vector<std::byte> bad = good.bytes;
      bad[i] = static_cast<std::byte>(value);
      try {
        read_all(bad);
        ++read;
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500u);
  EXPECT_GT(read, 500u);
}

TEST(GgufMalformed, ErrorsNameOffsetFieldAndValue) {
  Change c;
  c.type_a = 31;
  const Fields bad = build(c);
  const std::string message = error_of<FileError>([&] { GgufFile::parse(bad.bytes, "model.gguf"); });
  EXPECT_EQ(message.find("model.gguf: offset "), 0u) << message;
  EXPECT_NE(message.find("`a`: unknown tensor type (found 31)"), std::string::npos) << message;
  const std::string html = "<!DOCTYPE html>";
  EXPECT_EQ(error_of<FileError>([&] { GgufFile::parse(std::as_bytes(std::span(html.data(), html.size())), "page"); }),
            "page: offset 0: `magic`: is not a GGUF file (expected GGUF, found bytes 3c21444f)");
}

}  // namespace
