// Runs one of vlmt's programs as a process and captures its output.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <gtest/gtest.h>

namespace program_test {

struct Outcome {
  int code = -1;  ///< exit code, or 128 + the signal that ended the program
  std::string out;
  std::string err;

  /// True if standard error is one line, with its line feed, that starts with `who` and a colon.
  bool is_one_line_from(const std::string& who) const;
};

/// Parses JSON; throws nlohmann::json::exception. Compiled once, because json::parse is a large template.
nlohmann::json parse_json(const std::string& text);

std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, const std::string& text);

/// Writes an image with a horizontal gradient.
void write_png(const std::filesystem::path& path, std::uint32_t width, std::uint32_t height);

/// The first bytes of a PNG file with these dimensions in its header.
std::string png_header(std::uint32_t width, std::uint32_t height);

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// The path of a file in the temporary folder of this test.
  std::string path(const std::string& name) const { return (home_ / name).string(); }
  static std::string golden(const std::string& name) { return std::string(VLMT_TEST_UNPACKED) + "/golden/" + name; }

  /// Runs a program with `input` as standard input. Sends SIGINT after `interrupt_after` seconds; 0: never.
  Outcome run(const std::string& program, const std::vector<std::string>& arguments, const std::string& input = {},
              unsigned interrupt_after = 0) const;

  /// The same with the descriptor `output` as standard output, or without one if it is negative. Outcome::out is empty.
  Outcome run_to(int output, const std::string& program, const std::vector<std::string>& arguments,
                 const std::string& input = {}) const {
    return launch(output, program, arguments, input, 0);
  }

  std::filesystem::path home_;

 private:
  Outcome launch(int output, const std::string& program, const std::vector<std::string>& arguments,
                 const std::string& input, unsigned interrupt_after) const;
};

}  // namespace program_test
