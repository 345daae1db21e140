// The measured speed of a vision encoder, and the file that keeps it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "io/temp_dir.hpp"

namespace vlmt::vision_speed_test {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}
std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The vision encoder of the 2B model, without a file.
VisionConfig config_2b() {
  VisionConfig c;
  c.hidden = 1024;
  c.depth = 24;
  c.heads = 16;
  c.ffn = 4096;
  c.patch = 16;
  c.merge = 2;
  c.out_hidden = 2048;
  c.deepstack = {5, 11, 17};
  return c;
}

TEST(VisionSpeed, SecondsFollowTheOperations) {
  const VisionConfig c = config_2b();
  const VisionSpeed speed{6e11, 2e11};
  const auto seconds = [&](int side) { return encode_seconds(speed, c, {1, 2 * side, 2 * side}); };
  // 4096 patches of 16 x 16 pixels: attention is 24 * 4 * 4096^2 * 1024 operations.
  const double attention = 24.0 * 4.0 * 4096.0 * 4096.0 * 1024.0;
  EXPECT_NEAR(vision_attention_operations(c, {1, 64, 64}), attention, 1.0);
  EXPECT_NEAR(seconds(32), (vision_operations(c, {1, 64, 64}) - attention) / 6e11 + attention / 2e11, 1e-9);
  EXPECT_GT(seconds(64), 4.0 * seconds(32));  // four times the tokens cost more than four times the time
  EXPECT_LT(seconds(64), 16.0 * seconds(32));
  // Frames of a video attend only to their own slice.
  EXPECT_LT(encode_seconds(speed, c, {16, 32, 32}), encode_seconds(speed, c, {1, 128, 128}));
}

TEST(VisionSpeed, KeepsSpeedsByKey) {
  const TempDir dir;
  const std::string file = dir / "a/b/speeds.txt";  // folders are created
  EXPECT_FALSE(find_vision_speed(file, "one"));
  keep_vision_speed(file, "one", {1.5e11, 2.5e10});
  keep_vision_speed(file, "two", {3e11, 4e10});
  EXPECT_EQ(find_vision_speed(file, "one")->linear, 1.5e11);
  EXPECT_EQ(find_vision_speed(file, "one")->attention, 2.5e10);
  EXPECT_EQ(find_vision_speed(file, "two")->linear, 3e11);
  EXPECT_FALSE(find_vision_speed(file, "three"));
  EXPECT_FALSE(fs::exists(file + ".part"));
}

TEST(VisionSpeed, ForeignContentIsAsNone) {
  const TempDir dir;
  const std::string file = dir / "speeds.txt";
  const std::string form = "vlmt vision speeds 1\n";
  const std::string good = form + "1e11 1e11 k\n";
  write(file, good);
  ASSERT_TRUE(find_vision_speed(file, "k"));
  for (const std::string& text : std::vector<std::string>{
           "",
           "no speeds",
           "1e11 1e11 k\n",
           R"({"version": 1, "speeds": {"k": {"linear": 1e11, "attention": 1e11}}})",
           std::string(1000, '\n'),
           "vlmt vision speeds 2\n1e11 1e11 k\n",
           form,
           form + "\n" + "1e11 1e11 k\n",
           form + "1e11 k\n",
           form + "1e11 1e11k\n",
           form + "1e11 1e11\n",
           form + " 1e11 1e11 k\n",
           form + "fast 1e11 k\n",
           form + "1e11 nan k\n",
           form + "0 1e11 k\n",
           form + "-1e11 1e11 k\n",
           form + "1e11 1e300 k\n",
           form + "1e11 1e999 k\n",
           good.substr(0, good.size() - 1),
           good + "x",
           std::string(2 << 20, ' ') + good,
       }) {
    write(file, text);
    EXPECT_FALSE(find_vision_speed(file, "k")) << text.substr(0, 80);
    keep_vision_speed(file, "k", {2e11, 1e11});  // and it is replaced
    EXPECT_TRUE(find_vision_speed(file, "k")) << text.substr(0, 80);
  }
}

TEST(VisionSpeed, AFileThatCannotBeWrittenIsNoError) {
  const TempDir dir;
  write(dir / "file", "x");
  keep_vision_speed(dir / "file/below/speeds.txt", "k", {1e11, 1e11});
  EXPECT_EQ(read(dir / "file"), "x");
  keep_vision_speed("", "k", {1e11, 1e11});
  fs::create_directory(dir / "folder");
  keep_vision_speed(dir / "folder", "k", {1e11, 1e11});
  EXPECT_TRUE(fs::is_directory(dir / "folder"));
  EXPECT_FALSE(find_vision_speed(dir / "folder", "k"));
  EXPECT_FALSE(find_vision_speed("/dev/null", "k"));
}

TEST(VisionSpeed, TheFileIsInTheUsersCacheFolder) {
  const auto with = [](const char* cache, const char* home) {
    const auto set = [](const char* name, const char* value) {
      if (value == nullptr) {
        ::unsetenv(name);
      } else {
        ::setenv(name, value, 1);
      }
    };
    const char* old_cache = std::getenv("XDG_CACHE_HOME");
    const char* old_home = std::getenv("HOME");
    const std::string kept_cache = old_cache != nullptr ? old_cache : "",
                      kept_home = old_home != nullptr ? old_home : "";
    set("XDG_CACHE_HOME", cache);
    set("HOME", home);
    const std::string file = vision_speed_file();
    set("XDG_CACHE_HOME", old_cache != nullptr ? kept_cache.c_str() : nullptr);
    set("HOME", old_home != nullptr ? kept_home.c_str() : nullptr);
    return file;
  };
  EXPECT_EQ(with("/cache", "/home/me"), "/cache/vlmt/vision-speeds.txt");
  EXPECT_EQ(with(nullptr, "/home/me"), "/home/me/.cache/vlmt/vision-speeds.txt");
  EXPECT_EQ(with("relative", "/home/me"), "/home/me/.cache/vlmt/vision-speeds.txt");
  EXPECT_EQ(with(nullptr, nullptr), "");
}

TEST(VisionSpeed, IsMeasuredOnceForAMachineAndAnEncoder) {
  const TempDir dir;
  testing::TinyModel tiny;
  testing::write_tiny_mmproj(tiny, dir / "mmproj.gguf");
  VisionSpeedOptions options;
  options.threads = 2;
  options.file = dir / "speeds.txt";
  const VisionSpeed first = vision_speed<Qwen3VL>(dir / "mmproj.gguf", options);
  EXPECT_GT(first.linear, 1e6);
  EXPECT_GT(first.attention, 1e6);
  // What is kept is used: a file edited to other speeds gives those.
  const GgufFile file = GgufFile::open(dir / "mmproj.gguf");
  const std::string key = vision_speed_key<Qwen3VL>(file, options, 2);
  ASSERT_TRUE(find_vision_speed(options.file, key)) << read(options.file);
  keep_vision_speed(options.file, key, {12345.0, 54321.0});
  EXPECT_EQ(vision_speed<Qwen3VL>(dir / "mmproj.gguf", options).linear, 12345.0);
  // The depth does not matter: its blocks are alike. All that does is part of the key.
  tiny.vision_depth = 3;
  testing::write_tiny_mmproj(tiny, dir / "deeper.gguf");
  EXPECT_EQ(vision_speed<Qwen3VL>(dir / "deeper.gguf", options).linear, 12345.0);
  tiny.vision_ffn = 192;
  testing::write_tiny_mmproj(tiny, dir / "wider.gguf");
  EXPECT_NE(vision_speed<Qwen3VL>(dir / "wider.gguf", options).linear, 12345.0);
  testing::write_tiny_mmproj<Q8_0>(testing::TinyModel{}, dir / "q8_0.gguf");
  EXPECT_NE(vision_speed_key<Qwen3VL>(GgufFile::open(dir / "q8_0.gguf"), options, 2), key);
  EXPECT_NE(vision_speed_key<Qwen3VL>(file, options, 1), key);
  VisionSpeedOptions exact = options;
  exact.numerics = Numerics::exact;
  EXPECT_NE(vision_speed_key<Qwen3VL>(file, exact, 2), key);
  VisionSpeedOptions as_is = options;
  as_is.weights = {};
  EXPECT_NE(vision_speed_key<Qwen3VL>(file, as_is, 2), key);
}

TEST(VisionSpeed, EstimatesMeasureOnTheFirstCall) {
  const TempDir dir;
  testing::write_tiny_model({}, dir / "model.gguf");
  testing::write_tiny_mmproj({}, dir / "mmproj.gguf");
  const auto model = ChatModel<Qwen3VL>::open(dir / "model.gguf", dir / "mmproj.gguf");
  VisionSpeedOptions options;
  options.file = dir / "speeds.txt";
  const auto seconds = encode_estimate(model.vlm(), options);
  EXPECT_FALSE(fs::exists(options.file));
  EXPECT_GT(seconds({1, 64, 64}), 0.0);
  EXPECT_TRUE(fs::exists(options.file));
  fs::remove(options.file);
  EXPECT_GT(seconds({1, 128, 128}), 4.0 * seconds({1, 64, 64}));
  EXPECT_FALSE(fs::exists(options.file));
  EXPECT_FALSE(encode_estimate(ChatModel<Qwen3VL>::open(dir / "model.gguf").vlm(), options));
}

}  // namespace
}  // namespace vlmt::vision_speed_test
