#include "vlmt/io/safetensors.hpp"

#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/io/safetensors_writer.hpp"

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace {

using vlmt::DType;
using vlmt::FileError;
using vlmt::InputError;
using vlmt::SafetensorsFile;
using vlmt::SafetensorsWriter;
using Shape = std::vector<std::uint64_t>;

std::vector<std::byte> file_of(const std::string& header, std::size_t data_bytes) {
  std::vector<std::byte> bytes(8 + header.size() + data_bytes, std::byte{1});
  const auto n = static_cast<std::uint64_t>(header.size());
  std::memcpy(bytes.data(), &n, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string refused(const std::string& header, std::size_t data_bytes) {
  const auto bytes = file_of(header, data_bytes);
  return error_of<FileError>([&] { SafetensorsFile::parse(bytes, "mem"); });
}

TEST(Safetensors, RoundTrips) {
  const TempDir dir;
  std::vector<float> a(6);
  std::iota(a.begin(), a.end(), 0.5f);
  const std::vector<std::uint8_t> b = {1, 2, 3};
  const std::vector<std::int32_t> scalar = {-7};
  const std::vector<vlmt::bfloat16> c(4);
  SafetensorsWriter writer;
  writer.set_metadata("format", "a \"quoted\\\"\n text");
  writer.add<std::uint8_t>("b", Shape{3}, b);
  writer.add<float>("a.weight \xc3\xa9", Shape{2, 3}, a);
  writer.add<std::int32_t>("scalar", Shape{}, scalar);
  writer.add<float>("empty", Shape{0, 5}, std::span<const float>());
  writer.add<vlmt::bfloat16>("c", Shape{4, 1}, c);
  writer.write(dir / "x.safetensors");
  const SafetensorsFile file = SafetensorsFile::open(dir / "x.safetensors");
  ASSERT_EQ(file.tensors().size(), 5u);
  EXPECT_EQ(file.metadata().at("format"), "a \"quoted\\\"\n text");
  EXPECT_EQ(file.read<float>("a.weight \xc3\xa9"), a);
  EXPECT_EQ(file.read<std::uint8_t>("b"), b);
  EXPECT_EQ(file.read<std::int32_t>("scalar"), scalar);
  EXPECT_TRUE(file.read<float>("empty").empty());
  const auto& tensor = file.require_tensor("a.weight \xc3\xa9");
  EXPECT_EQ(tensor.shape, (Shape{2, 3}));
  EXPECT_EQ(tensor.type, DType::F32);
  EXPECT_EQ(tensor.dtype, "F32");
  EXPECT_EQ(tensor.elements(), 6u);
  EXPECT_EQ(tensor.file, dir / "x.safetensors");
  EXPECT_EQ(file.tensors()[0].offset % 8, 0u);
  EXPECT_EQ(file.require_tensor("c").dtype, "BF16");
  EXPECT_EQ(file.find_tensor("d"), nullptr);
  EXPECT_THROW(file.require_tensor("d"), FileError);
  EXPECT_NE(error_of<FileError>([&] { file.read<double>("c"); }).find("(expected F64, found BF16)"), std::string::npos);
}

TEST(Safetensors, KeepsDtypesWithoutCppType) {
  const auto bytes = file_of(R"({"a":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]},)"
                             R"("b":{"dtype":"F4","shape":[2],"data_offsets":[3,4]}}  )",
                             4);
  const SafetensorsFile file = SafetensorsFile::parse(bytes, "mem");
  EXPECT_EQ(file.require_tensor("a").dtype, "F8_E4M3");
  EXPECT_FALSE(file.require_tensor("a").type.has_value());
  EXPECT_EQ(file.require_tensor("b").data.size(), 1u);
}

TEST(Safetensors, RefusesTruncationAtEveryByte) {
  const auto good = file_of(R"({"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                            R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})",
                            11);
  const SafetensorsFile whole = SafetensorsFile::parse(good, "mem");
  EXPECT_EQ(whole.tensors().size(), 2u);
  for (std::size_t n = 0; n < good.size(); ++n) {
    const std::vector<std::byte> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_THROW(SafetensorsFile::parse(cut, "mem"), FileError) << n;
  }
}

TEST(Safetensors, RefusesMalformedHeaders) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets;
  };
  const std::string good = entry("\"U8\"", "[4]", "[0,4]");
  EXPECT_EQ(refused("{\"a\":{" + good + "}}", 4), "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"a\":{" + good + "},\"a\":{" + good + "}}", "duplicate key"},
      {"{\"a\":{" + good + ",\"dtype\":\"U8\"}}", "duplicate key"},
      {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"},\"a\":{" + good + "}}", "duplicate key"},
      {"{\"a\":{" + good + ",\"more\":1}}", "unknown key"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", "two data_offsets"},
      {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", "no shape"},
      {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}}", "no dtype"},
      {"{\"a\":{" + entry("\"U9\"", "[4]", "[0,4]") + "}}", "unknown dtype"},
      {"{\"a\":{" + entry("8", "[4]", "[0,4]") + "}}", "unexpected value: a number"},
      {"{\"a\":{" + entry("\"U8\"", "[-4]", "[0,4]") + "}}", "negative"},
      {"{\"a\":{" + entry("\"U8\"", "[4.0]", "[0,4]") + "}}", "not a 64-bit count"},
      {"{\"a\":{" + entry("\"U8\"", "[36893488147419103236]", "[0,4]") + "}}", "not a 64-bit count"},
      {"{\"a\":{" + entry("\"U8\"", "[[4]]", "[0,4]") + "}}", "unexpected value: an array"},
      {"{\"a\":{" + entry("\"U8\"", "[{}]", "[0,4]") + "}}", "unexpected value: an object"},
      {"{\"a\":{" + entry("\"U8\"", "4", "[0,4]") + "}}", "unexpected value: a number"},
      {"{\"a\":{" + entry("\"U8\"", "[\"4\"]", "[0,4]") + "}}", "unexpected value: a string"},
      {"{\"a\":{" + entry("\"U8\"", "[true]", "[0,4]") + "}}", "unexpected value: a boolean"},
      {"{\"a\":{" + entry("\"U8\"", "null", "[0,4]") + "}}", "unexpected value: null"},
      {"{\"a\":{" + entry("\"U8\"", "[4]", "[0]") + "}}", "two data_offsets"},
      {"{\"a\":{" + entry("\"U8\"", "[4]", "[0,4,8]") + "}}", "two data_offsets"},
      {"{\"a\":{" + entry("\"U8\"", "[4]", "[4,0]") + "}}", "outside the file"},
      {"{\"a\":{" + entry("\"U8\"", "[4]", "[0,5]") + "}}", "outside the file"},
      {"{\"a\":{" + entry("\"U8\"", "[4]", "[18446744073709551612,18446744073709551615]") + "}}", "outside the file"},
      {"{\"a\":{" + entry("\"U8\"", "[3]", "[0,4]") + "}}", "do not match shape"},
      {"{\"a\":{" + entry("\"F32\"", "[4]", "[0,4]") + "}}", "do not match shape"},
      {"{\"a\":{" + entry("\"U8\"", "[4294967296,4294967296,4]", "[0,4]") + "}}", "64 bits"},
      {"{\"a\":{" + entry("\"F32\"", "[4611686018427387905]", "[0,4]") + "}}", "whole number of bytes"},
      {"{\"a\":{" + entry("\"F4\"", "[7]", "[0,4]") + "}}", "whole number of bytes"},
      {"{\"a\":{" + entry("\"U8\"", "[3]", "[0,3]") + "}}", "belong to no tensor"},
      {"{\"a\":{" + entry("\"U8\"", "[3]", "[1,4]") + "}}", "leaves a gap"},
      {"{\"a\":{" + good + "},\"b\":{" + entry("\"U8\"", "[2]", "[2,4]") + "}}", "overlaps"},
      {"{\"a\":{" + good + "},\"b\":{" + good + "}}", "overlaps"},
      {"{}", "belong to no tensor"},
      {"{\"__metadata__\":{\"k\":1},\"a\":{" + good + "}}", "unexpected value: a number"},
      {"{\"__metadata__\":{\"k\":{}},\"a\":{" + good + "}}", "unexpected value: an object"},
      {"{\"a\":[]}", "unexpected value: an array"},
      {"{\"a\":1}", "unexpected value: a number"},
      {" {\"a\":{" + good + "}}", "does not start with {"},
      {"[1,2]", "does not start with {"},
      {"{\"a\":{" + good + "}", "not valid JSON"},
      {"{\"a\":{" + good + "}}x", "not valid JSON"},
      {"{\"a\xff\":{" + good + "}}", "not valid JSON"},
      {"{\"a\":" + std::string(100000, '['), "unexpected value: an array"},
      {"{\"a\":" + std::string(100000, '{'), "not valid JSON"},
  };
  for (const auto& [header, reason] : cases) {
    const std::string message = refused(header, 4);
    EXPECT_EQ(message.find("mem: offset "), 0u) << header.substr(0, 100) << ": " << message;
    EXPECT_NE(message.find(reason), std::string::npos) << header.substr(0, 100) << ": " << message;
  }
}

TEST(Safetensors, RefusesHeaderLengthsBeyondTheFile) {
  auto bytes = file_of("{}", 0);
  const SafetensorsFile empty = SafetensorsFile::parse(bytes, "mem");
  EXPECT_TRUE(empty.tensors().empty());
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{100'000'001},
                                std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    std::memcpy(bytes.data(), &n, 8);
    EXPECT_THROW(SafetensorsFile::parse(bytes, "mem"), FileError) << n;
  }
}

TEST(Safetensors, ChangedHeaderBytesAreRefusedOrHarmless) {
  const auto good = file_of(R"({"__metadata__":{"k":"v"},"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}})", 4);
  unsigned refused = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char value : {'\0', ' ', '"', '[', ']', '{', '}', ',', ':', '9', '-', '\\', '\x7f', '\xff'}) {
      auto bad = good;
      bad[i] = static_cast<std::byte>(value);
      try {
        const SafetensorsFile file = SafetensorsFile::parse(bad, "mem");
        for (const auto& tensor : file.tensors()) EXPECT_LE(tensor.data.size(), 4u);
      } catch (const FileError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500u);
}

// ---- sharded files

void write_one(const std::string& path, const std::string& name, std::uint8_t value) {
  const std::vector<std::uint8_t> data = {value};
  SafetensorsWriter writer;
  writer.add<std::uint8_t>(name, Shape{1}, data);
  writer.write(path);
}

TEST(SafetensorsIndex, OpensAllShards) {
  const TempDir dir;
  write_one(dir / "model-00001-of-00002.safetensors", "a", 1);
  write_one(dir / "model-00002-of-00002.safetensors", "b", 2);
  const std::string index = dir.write("model.safetensors.index.json", std::string(R"({"metadata":{"total_size":2},
    "weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})"));
  const SafetensorsFile file = SafetensorsFile::open(index);
  EXPECT_EQ(file.read<std::uint8_t>("a"), std::vector<std::uint8_t>{1});
  EXPECT_EQ(file.read<std::uint8_t>("b"), std::vector<std::uint8_t>{2});
  EXPECT_EQ(file.require_tensor("b").file, dir / "model-00002-of-00002.safetensors");
}

TEST(SafetensorsIndex, RefusesOtherFoldersAndInvalidMaps) {
  const TempDir dir;
  write_one(dir / "one.safetensors", "a", 1);
  write_one(dir / "two.safetensors", "a", 1);
  const auto refused_index = [&](const std::string& text) {
    const std::string path = dir.write("i.json", text);
    return error_of<FileError>([&] { SafetensorsFile::open(path); });
  };
  EXPECT_EQ(refused_index(R"({"weight_map":{"a":"one.safetensors"}})"), "");
  for (const char* name : {"../one.safetensors", "/etc/passwd", "sub/one.safetensors", "..", "one.bin", "",
                           "a\\\\one.safetensors", "one\\u0000.safetensors"}) {
    const std::string message = refused_index(std::string(R"({"weight_map":{"a":")") + name + "\"}}");
    EXPECT_NE(message.find("is not the name of a safetensors file"), std::string::npos) << name << ": " << message;
  }
  EXPECT_NE(refused_index(R"({"weight_map":{"a":"none.safetensors"}})").find("cannot be opened"), std::string::npos);
  EXPECT_NE(refused_index(R"({"weight_map":{"c":"one.safetensors"}})").find("`c`: the tensor is missing"),
            std::string::npos);
  EXPECT_NE(refused_index(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})").find("more than one file"),
            std::string::npos);
  EXPECT_NE(refused_index(R"({"weight_map":{"a":1}})").find("`a`: is not the name"), std::string::npos);
  for (const std::string& text :
       {std::string("{}"), std::string("[]"), std::string("not json"), std::string(R"({"weight_map":[]})"),
        std::string(100000, '['), "{\"weight_map\":" + std::string(100000, '{')}) {
    EXPECT_NE(refused_index(text).find("is not an index"), std::string::npos) << text.substr(0, 30);
  }
}

TEST(SafetensorsWriter, RefusesInvalidNamesAndSizes) {
  const std::vector<float> data(3);
  SafetensorsWriter writer;
  writer.add<float>("a", Shape{3}, data);
  EXPECT_THROW(writer.add<float>("a", Shape{3}, data), InputError);
  EXPECT_THROW(writer.add<float>("b", Shape{4}, data), InputError);
  // 2^66 bytes, which are 0 in 64 bits.
  EXPECT_NE(error_of<InputError>([&] {
              writer.add<float>("c", Shape{std::uint64_t{1} << 62, 4}, {});
            }).find("expected a size that fits 64 bits, found 0"),
            std::string::npos);
  EXPECT_THROW(writer.add<float>("__metadata__", Shape{3}, data), InputError);
  EXPECT_THROW(writer.add<float>("", Shape{3}, data), InputError);
  EXPECT_THROW(writer.write("/no/such/folder/x.safetensors"), FileError);
}

}  // namespace
