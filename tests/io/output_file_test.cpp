// OutputFile: complete files only, also with concurrent writers and after a crash.
#include "vlmt/io/output_file.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

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

// Long enough that writing to disk starts before the file is complete.
TEST(OutputFile, KeepsTheBytesOfLongFiles) {
  const TempDir dir;
  std::string want;
  {
    OutputFile file(dir / "file");
    for (char letter = 'a'; letter < 'k'; ++letter) {
      const std::string text((std::size_t{2} << 20) + 123, letter);
      put(file, text);
      want += text;
    }
    file.finish();
  }
  EXPECT_TRUE(read(dir / "file") == want);
}

TEST(OutputFile, ErrorsNamePathAndReason) {
  const TempDir dir;
  dir.write("plain", "");
  EXPECT_NE(error_of<FileError>([&] { OutputFile file(dir / "plain/file"); }).find("cannot be created"),
            std::string::npos);
  EXPECT_NE(error_of<FileError>([&] { OutputFile file(dir / "missing/file"); }).find("missing/file"),
            std::string::npos);
}

std::string refusal(const std::string& path) {
  return error_of<FileError>([&] { OutputFile file(path); });
}

void replace(const std::string& path, const std::string& text) {
  OutputFile file(path);
  put(file, text);
  file.finish();
}

mode_t mode(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode : 0;
}

// They were replaced by a regular file.
TEST(OutputFile, ReplacesOnlyRegularFiles) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((dir / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  std::filesystem::create_directory(dir / "folder");
  std::vector<std::pair<std::string, std::string>> kinds = {
      {"fifo", "found a FIFO"}, {"socket", "found a socket"}, {"folder", "found a folder"}};
  // Only root may make a device, here another null device.
  if (::mknod((dir / "device").c_str(), S_IFCHR | 0600, ::makedev(1, 3)) == 0) {
    kinds.emplace_back("device", "found a device");
  }
  for (const auto& [name, found] : kinds) {
    const mode_t before = mode(dir / name);
    EXPECT_NE(refusal(dir / name).find(found), std::string::npos) << refusal(dir / name);
    std::filesystem::create_symlink(name, dir / (name + "-link"));
    EXPECT_NE(refusal(dir / (name + "-link")).find(found), std::string::npos) << "through a link";
    EXPECT_NE(error_of<FileError>([&] { OutputFile::check(dir / name); }).find(found), std::string::npos);
    EXPECT_EQ(mode(dir / name), before);
    EXPECT_TRUE(std::filesystem::is_symlink(dir / (name + "-link")));
    EXPECT_FALSE(std::filesystem::exists(dir / (name + ".part")));
  }
}

// The link was replaced, and what it leads to kept its old contents.
TEST(OutputFile, FollowsLinks) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "folder");
  dir.write("folder/target", "old");
  std::filesystem::create_symlink("folder/target", dir / "relative");
  std::filesystem::create_symlink(dir / "folder/target", dir / "absolute");
  std::filesystem::create_symlink("../relative", dir / "folder/chain");
  for (const char* link : {"relative", "absolute", "folder/chain"}) {
    replace(dir / link, link);
    EXPECT_EQ(read(dir / "folder/target"), link);
    EXPECT_TRUE(std::filesystem::is_symlink(dir / link));
  }
  std::filesystem::create_symlink("folder/new", dir / "dangling");
  replace(dir / "dangling", "new");
  EXPECT_EQ(read(dir / "folder/new"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "dangling"));
  std::filesystem::create_symlink("loop", dir / "loop");
  EXPECT_NE(refusal(dir / "loop").find("cannot be followed"), std::string::npos) << refusal(dir / "loop");
  std::filesystem::create_symlink("none/file", dir / "astray");
  EXPECT_NE(refusal(dir / "astray").find("none/file.part: cannot be created"), std::string::npos);
}

TEST(OutputFile, KeepsThePermissionsOfAReplacedFile) {
  const TempDir dir;
  const mode_t before = ::umask(027);
  replace(dir / "new", "text");
  ::umask(before);
  EXPECT_EQ(mode(dir / "new") & 07777, mode_t{0640});
  for (const mode_t wanted : {mode_t{0600}, mode_t{0664}, mode_t{0751}}) {
    dir.write("file", "old");
    ASSERT_EQ(::chmod((dir / "file").c_str(), wanted), 0);
    replace(dir / "file", "new");
    EXPECT_EQ(read(dir / "file"), "new");
    EXPECT_EQ(mode(dir / "file") & 07777, wanted);
  }
}

// Also for root, who may write every file.
TEST(OutputFile, RefusesReadOnlyFiles) {
  const TempDir dir;
  dir.write("file", "kept");
  ASSERT_EQ(::chmod((dir / "file").c_str(), 0444), 0);
  EXPECT_NE(refusal(dir / "file").find("file: is read-only"), std::string::npos) << refusal(dir / "file");
  EXPECT_EQ(read(dir / "file"), "kept");
}

// Writing through them would change another file or wait for ever.
TEST(OutputFile, RefusesAPartFileThatIsNone) {
  const TempDir dir;
  dir.write("other", "kept");
  std::filesystem::create_symlink("other", dir / "linked.part");
  EXPECT_NE(refusal(dir / "linked").find("linked.part: cannot be created"), std::string::npos);
  EXPECT_EQ(read(dir / "other"), "kept");
  ASSERT_EQ(::mkfifo((dir / "piped.part").c_str(), 0600), 0);
  EXPECT_NE(refusal(dir / "piped").find("piped.part: "), std::string::npos);
  const int reader = ::open((dir / "piped.part").c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_NE(refusal(dir / "piped").find("piped.part: is not a regular file"), std::string::npos);
  ::close(reader);
}

TEST(OutputFile, CheckCreatesNothing) {
  const TempDir dir;
  EXPECT_NO_THROW(OutputFile::check(dir / "file"));
  EXPECT_TRUE(std::filesystem::is_empty(dir / ""));
  EXPECT_NE(error_of<FileError>([&] { OutputFile::check(dir / "none/file"); }).find("none/file: cannot be created"),
            std::string::npos);
}

TEST(IsSameFile, SeesThroughLinksAndSpellings) {
  const TempDir dir;
  dir.write("a", "");
  dir.write("b", "");
  std::filesystem::create_hard_link(dir / "a", dir / "hard");
  std::filesystem::create_symlink("a", dir / "soft");
  for (const char* name : {"a", "hard", "soft", "./a"}) EXPECT_TRUE(is_same_file(dir / "a", dir / name)) << name;
  EXPECT_FALSE(is_same_file(dir / "a", dir / "b"));
  EXPECT_FALSE(is_same_file(dir / "none", dir / "none"));
}

}  // namespace
}  // namespace vlmt
