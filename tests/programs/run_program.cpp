// See run_program.hpp.
#include "programs/run_program.hpp"

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <png.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vlmt/exec/omp_team.hpp"

namespace program_test {

bool Outcome::is_one_line_from(const std::string& who) const {
  return err.starts_with(who + ": ") && err.find('\n') == err.size() - 1;
}

nlohmann::json parse_json(const std::string& text) {
  return nlohmann::json::parse(text);
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void write_png(const std::filesystem::path& path, std::uint32_t width, std::uint32_t height) {
  std::vector<std::uint8_t> rgb(std::size_t{3} * width * height);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(i / 3 % width * 7 + i % 3 * 50);
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  ASSERT_NE(png_image_write_to_file(&image, path.c_str(), 0, rgb.data(), 0, nullptr), 0) << image.message;
}

std::string png_header(std::uint32_t width, std::uint32_t height) {
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

void ProgramTest::SetUp() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  home_ = std::filesystem::path(testing::TempDir()) /
          ("vlmt_" + std::string(info->test_suite_name()) + "_" + info->name() + "_" + std::to_string(getpid()));
  std::filesystem::create_directories(home_);
}

void ProgramTest::TearDown() {
  if (!home_.empty()) std::filesystem::remove_all(home_);
}

Outcome ProgramTest::run(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& input, unsigned interrupt_after) const {
  const int output = open(path("stdout").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  Outcome outcome = launch(output, program, arguments, input, interrupt_after);
  close(output);
  outcome.out = read_text(path("stdout"));
  return outcome;
}

Outcome ProgramTest::launch(int output, const std::string& program, const std::vector<std::string>& arguments,
                            const std::string& input, unsigned interrupt_after) const {
  write_text(path("stdin"), input);
  const std::string executable = std::string(VLMT_BIN) + "/" + program;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const std::string in = path("stdin"), err = path("stderr");
  // Set, so that a limit of the machine on which the tests run adds no line.
  const std::string threads = std::to_string(vlmt::OmpTeam::default_size().usable);
  const pid_t child = fork();
  if (child == 0) {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (dup2(open(in.c_str(), O_RDONLY), 0) < 0 || dup2(open(err.c_str(), flags, 0600), 2) < 0 ||
        (output < 0 ? close(1) : dup2(output, 1)) < 0) {
      _exit(126);
    }
    setenv("XDG_CACHE_HOME", path("cache").c_str(), 1);  // what programs measure stays in the folder of the test
    setenv("OMP_NUM_THREADS", threads.c_str(), 0);
    execv(executable.c_str(), argv.data());
    _exit(127);
  }
  if (interrupt_after != 0) {
    sleep(interrupt_after);
    kill(child, SIGINT);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), {}, read_text(err)};
}

}  // namespace program_test
