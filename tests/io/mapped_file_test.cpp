#include "vlmt/io/mapped_file.hpp"

#include <cstring>
#include <memory>
#include <string>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "error_of.hpp"
#include "temp_dir.hpp"

namespace {

using vlmt::FileError;
using vlmt::MappedFile;

TEST(MappedFile, BytesSurviveRelease) {
  const TempDir dir;
  std::string text(3 * 4096 + 100, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  const auto file = MappedFile::open(dir.write("a.bin", text));
  ASSERT_EQ(file->size(), text.size());
  EXPECT_EQ(file->path(), dir / "a.bin");
  EXPECT_EQ(std::memcmp(file->bytes().data(), text.data(), text.size()), 0);
  file->will_need(100, 5000);
  file->release(0, file->size());
  file->release(1, 4097);
  file->release(file->size() + 5, 10);
  file->release(10, ~std::size_t{0});
  file->will_need(~std::size_t{0}, 1);
  EXPECT_EQ(std::memcmp(file->bytes().data(), text.data(), text.size()), 0);
}

TEST(MappedFile, SurvivesUnlink) {
  const TempDir dir;
  const auto file = MappedFile::open(dir.write("a.bin", std::string("hello")));
  std::remove((dir / "a.bin").c_str());
  EXPECT_EQ(std::memcmp(file->bytes().data(), "hello", 5), 0);
}

TEST(MappedFile, ErrorsNamePathAndReason) {
  const TempDir dir;
  const auto refused = [](const std::string& path) { return error_of<FileError>([&] { MappedFile::open(path); }); };
  EXPECT_EQ(refused(dir / "missing"), dir / "missing: cannot be opened: No such file or directory");
  EXPECT_EQ(refused(dir / ""), dir / ": is a directory (expected a file)");
  EXPECT_EQ(refused(dir.write("empty", std::string())), dir / "empty: is empty");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(refused(dir / "fifo"), dir / "fifo: is not a regular file");
}

}  // namespace
