// OutputFile: complete files only, also with concurrent writers and after a crash.
#include "vlmt/io/output_file.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace vlmt {
namespace {

void put(OutputFile& file, const std::string& text) {
  file.put(std::as_bytes(std::span(text.data(), text.size())));
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(OutputFile, AppearsOnlyWhenComplete) {
  const TempDir dir;
  const std::string path = dir / "file";
  {
    OutputFile file(path);
    put(file, "half");
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir / "")) << "an unfinished file leaves nothing";
  OutputFile file(path);
  put(file, "whole");
  EXPECT_FALSE(std::filesystem::exists(path));
  file.finish();
  EXPECT_EQ(read(path), "whole");
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST(OutputFile, OverwritesThePartFileOfACrash) {
  const TempDir dir;
  dir.write("file.part", std::string(1000, 'x'));
  OutputFile file(dir / "file");
  put(file, "new");
  file.finish();
  EXPECT_EQ(read(dir / "file"), "new");
}

TEST(OutputFile, RefusesASecondWriter) {
  const TempDir dir;
  const std::string path = dir / "file";
  OutputFile first(path);
  put(first, "first");
  const std::string refusal = error_of<FileError>([&] { OutputFile second(path); });
  EXPECT_NE(refusal.find("another writer"), std::string::npos) << refusal;
  first.finish();
  EXPECT_EQ(read(path), "first") << "the refused writer must not change the file";
  OutputFile next(path);
  put(next, "next");
  next.finish();
  EXPECT_EQ(read(path), "next");
}

// Long files, so that writers sharing a part file would mix their letters visibly.
TEST(OutputFile, ConcurrentWritersNeverMix) {
  const TempDir dir;
  const std::string path = dir / "file";
  constexpr std::size_t size = 1 << 18;
  std::atomic<int> written{0}, wrong{0};
  {
    std::vector<std::jthread> threads;
    for (char letter : {'a', 'b', 'c'}) {
      threads.emplace_back([&, letter] {
        for (int i = 0; i < 30; ++i) {
          try {
            OutputFile file(path);
            for (int k = 0; k < 4; ++k) put(file, std::string(size / 4, letter));
            file.finish();
            ++written;
          } catch (const FileError&) {
            continue;  // refused
          }
          const std::string text = read(path);
          if (text.size() != size || text != std::string(size, text[0])) ++wrong;
        }
      });
    }
  }
  EXPECT_GT(written, 0);
  EXPECT_EQ(wrong, 0);
}

TEST(OutputFile, ErrorsNamePathAndReason) {
  const TempDir dir;
  dir.write("plain", "");
  EXPECT_NE(error_of<FileError>([&] { OutputFile file(dir / "plain/file"); }).find("cannot be created"),
            std::string::npos);
  EXPECT_NE(error_of<FileError>([&] { OutputFile file(dir / "missing/file"); }).find("missing/file"),
            std::string::npos);
}

}  // namespace
}  // namespace vlmt
