// Runs one of our programs as a process and keeps what it says.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <png.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace program_test {

struct Outcome {
  int code = -1;  ///< 128 and more: ended by a signal
  std::string out;
  std::string err;

  /// True for one line, with its line feed, that starts with `who`.
  bool is_one_line_from(const std::string& who) const {
    return err.starts_with(who + ": ") && err.find('\n') == err.size() - 1;
  }
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A picture of one colour that changes from left to right.
inline void write_png(const std::filesystem::path& path, std::uint32_t width, std::uint32_t height) {
  std::vector<std::uint8_t> rgb(std::size_t{3} * width * height);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(i / 3 % width * 7 + i % 3 * 50);
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, rgb.data(), 0, nullptr), 0) << image.message;
}

/// The first bytes of a PNG file that says it is this large.
inline std::string png_header(std::uint32_t width, std::uint32_t height) {
  std::string chunk = "IHDR";
  for (const std::uint32_t n : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) chunk += static_cast<char>(n >> shift & 255);
  }
  chunk += std::string("\x08\x02\x00\x00\x00", 5);
  std::uint32_t crc = ~0u;
  for (const char c : chunk) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  crc = ~crc;
  std::string file = std::string("\x89PNG\r\n\x1a\n", 8) + std::string("\0\0\0\x0d", 4) + chunk;
  for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(crc >> shift & 255);
  return file;
}

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string(VLMT_BIN).empty()) GTEST_SKIP() << "built without programs";
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    home_ = std::filesystem::path(testing::TempDir()) /
            ("vlmt_" + std::string(info->test_suite_name()) + "_" + info->name() + "_" + std::to_string(getpid()));
    std::filesystem::create_directories(home_);
  }
  void TearDown() override {
    if (!home_.empty()) std::filesystem::remove_all(home_);
  }

  /// A file of this test.
  std::string path(const std::string& name) const { return (home_ / name).string(); }
  static std::string golden(const std::string& name) { return std::string(VLMT_TEST_UNPACKED) + "/golden/" + name; }

  /// `interrupt_after` seconds send the program what Ctrl-C does; 0: never.
  Outcome run(const std::string& program, const std::vector<std::string>& arguments, const std::string& input = {},
              unsigned interrupt_after = 0) const {
    write_text(path("stdin"), input);
    const std::string executable = std::string(VLMT_BIN) + "/" + program;
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    const std::string in = path("stdin"), out = path("stdout"), err = path("stderr");
    const pid_t child = fork();
    if (child == 0) {
      const int flags = O_WRONLY | O_CREAT | O_TRUNC;
      if (dup2(open(in.c_str(), O_RDONLY), 0) < 0 || dup2(open(out.c_str(), flags, 0600), 1) < 0 ||
          dup2(open(err.c_str(), flags, 0600), 2) < 0) {
        _exit(126);
      }
      execv(executable.c_str(), argv.data());
      _exit(127);
    }
    if (interrupt_after != 0) {
      sleep(interrupt_after);
      kill(child, SIGINT);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out), read_text(err)};
  }

  std::filesystem::path home_;
};

}  // namespace program_test
