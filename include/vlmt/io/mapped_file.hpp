// A file mapped read-only into memory (POSIX).
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Closes a file descriptor.
class FileHandle {
 public:
  explicit FileHandle(int fd) noexcept : fd_(fd) {}
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

[[noreturn]] inline void throw_errno(const std::string& path, const char* what, int error) {
  throw FileError(std::string(what) + ": " + std::strerror(error), {.file = path});
}

}  // namespace detail

/// A regular, non-empty file mapped read-only; unmapped when the last shared_ptr is gone. Thread-safe.
///
/// The size is fixed on opening. If another process truncates the file, reading a page beyond its new end raises
/// SIGBUS, which cannot be prevented. Replace model files by renaming, never by overwriting.
class MappedFile {
 public:
  /// Maps `path`. Throws FileError if it is missing, unreadable, empty or not a regular file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() { ::munmap(const_cast<std::byte*>(data_), size_); }

  const std::string& path() const noexcept { return path_; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::size_t size() const noexcept { return size_; }
  /// Modification time in nanoseconds since the epoch.
  std::int64_t modified() const noexcept { return modified_; }

  /// Drops the pages that lie wholly inside bytes [offset, offset + n) from the resident set; a later access reads them
  /// again from page cache or disk. Out-of-range parts are ignored.
  void release(std::size_t offset, std::size_t n) const noexcept {
    const auto [begin, end] = clip(offset, n);
    const std::size_t page = page_size();
    const std::size_t first = (begin + page - 1) / page * page;
    // The last page holds nothing but this file, so it is dropped whole even if the file ends inside it.
    const std::size_t last = end == size_ ? end : end / page * page;
    if (first < last) ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
  }

  /// Asks the kernel to read ahead the pages that overlap bytes [offset, offset + n).
  void will_need(std::size_t offset, std::size_t n) const noexcept {
    const auto [begin, end] = clip(offset, n);
    const std::size_t first = begin / page_size() * page_size();
    if (first < end) ::madvise(const_cast<std::byte*>(data_) + first, end - first, MADV_WILLNEED);
  }

 private:
  MappedFile(std::string path, const std::byte* data, std::size_t size, std::int64_t modified)
      : path_(std::move(path)), data_(data), size_(size), modified_(modified) {}

  static std::size_t page_size() noexcept {
    const long page = ::sysconf(_SC_PAGESIZE);
    return page > 0 ? static_cast<std::size_t>(page) : 4096;
  }

  std::pair<std::size_t, std::size_t> clip(std::size_t offset, std::size_t n) const noexcept {
    if (offset >= size_) return {size_, size_};
    return {offset, offset + (n < size_ - offset ? n : size_ - offset)};
  }

  std::string path_;
  const std::byte* data_;
  std::size_t size_;
  std::int64_t modified_;
};

#if VLMT_HAS_BODIES

VLMT_BODY std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: without it, opening a FIFO would wait for a writer instead of being refused below.
  const detail::FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) detail::throw_errno(path, "cannot be opened", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) detail::throw_errno(path, "cannot be examined", errno);
  if (S_ISDIR(status.st_mode)) throw FileError("is a directory", {.file = path, .expected = "a file"});
  if (!S_ISREG(status.st_mode)) throw FileError("is not a regular file", {.file = path});
  if (status.st_size <= 0) throw FileError("is empty", {.file = path});
  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) detail::throw_errno(path, "cannot be mapped", errno);
  const std::int64_t modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(address), size, modified));
}

#endif

VLMT_END_NAMESPACE
