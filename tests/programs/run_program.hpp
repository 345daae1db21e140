// Runs one of our programs as a process and keeps what it says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <gtest/gtest.h>

namespace program_test {

struct Outcome {
  int code = -1;  ///< 128 and more: ended by a signal
  std::string out;
  std::string err;

  /// True for one line, with its line feed, that starts with `who`.
  bool is_one_line_from(const std::string& who) const;
};

/// The JSON in a text; nlohmann::json::exception if there is none. Compiled once: json::parse is a template.
nlohmann::json parse_json(const std::string& text);

std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, const std::string& text);

/// A picture of one colour that changes from left to right.
void write_png(const std::filesystem::path& path, std::uint32_t width, std::uint32_t height);

/// The first bytes of a PNG file that says it is this large.
std::string png_header(std::uint32_t width, std::uint32_t height);

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// A file of this test.
  std::string path(const std::string& name) const { return (home_ / name).string(); }
  static std::string golden(const std::string& name) { return std::string(VLMT_TEST_UNPACKED) + "/golden/" + name; }

  /// `interrupt_after` seconds send the program what Ctrl-C does; 0: never.
  Outcome run(const std::string& program, const std::vector<std::string>& arguments, const std::string& input = {},
              unsigned interrupt_after = 0) const;

  std::filesystem::path home_;
};

}  // namespace program_test
