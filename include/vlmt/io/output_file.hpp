// A file that gets its name only once it is complete.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/mapped_file.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Starts writing bytes [middle, end) of a file to disk and waits for bytes [begin, middle), whose writing has been
/// started before. False, with errno, if the disk reports an error.
inline bool write_back([[maybe_unused]] int fd, [[maybe_unused]] std::uint64_t begin,
                       [[maybe_unused]] std::uint64_t middle, [[maybe_unused]] std::uint64_t end) noexcept {
#if defined(__linux__)
  const auto sync = [fd](std::uint64_t from, std::uint64_t to, unsigned flags) {
    const int result =
        from == to ? 0 : ::sync_file_range(fd, static_cast<off64_t>(from), static_cast<off64_t>(to - from), flags);
    return result == 0 || (errno != EIO && errno != ENOSPC);  // other errors: not a file on a disk
  };
  const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  return sync(begin, middle, wait) && sync(middle, end, SYNC_FILE_RANGE_WRITE);
#else
  return true;
#endif
}

}  // namespace detail

/// Writes to `path`.part and renames it to `path` in finish(). Without finish(), the destructor removes the part file.
/// A part file left by a crash is overwritten. Only one writer per path at a time: a second one is refused (flock).
class OutputFile {
 public:
  /// Throws FileError if the file cannot be created or another writer has it open.
  explicit OutputFile(std::string path) : path_(std::move(path)), file_(create(part())) {}
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() {
    if (file_) std::remove(part().c_str());
  }

  /// Appends bytes. Throws FileError if writing fails, such as on a full disk.
  void put(std::span<const std::byte> bytes) {
    if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
      detail::throw_errno(part(), "cannot be written", errno);
    }
    written_ += bytes.size();
    if (written_ - started_ >= writeback_bytes) start_writeback();
  }

  /// Syncs the file to disk and renames it to `path`. Throws FileError; then the part file is removed.
  void finish() {
    const bool done = std::fflush(file_.get()) == 0 && ::fsync(::fileno(file_.get())) == 0 &&
                      std::rename(part().c_str(), path_.c_str()) == 0;
    const int error = errno;
    if (!done) std::remove(part().c_str());
    file_.reset();  // last: closing releases the lock, and the next writer starts by truncating
    if (!done) detail::throw_errno(path_, "cannot be written", error);
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  using Handle = std::unique_ptr<std::FILE, Close>;

  // Opens, locks and empties the part file.
  static Handle create(const std::string& part) {
    while (true) {
      const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
      if (fd < 0) detail::throw_errno(part, "cannot be created", errno);
      Handle file(::fdopen(fd, "wb"));
      if (!file) {
        const int error = errno;
        ::close(fd);
        detail::throw_errno(part, "cannot be created", error);
      }
      if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) throw FileError("is being written by another writer", {.file = part});
        detail::throw_errno(part, "cannot be locked", errno);
      }
      // Before we got the lock, its previous owner may have renamed or removed the file we opened: try again.
      struct stat opened {
      }, named{};
      if (::fstat(fd, &opened) != 0) detail::throw_errno(part, "cannot be examined", errno);
      if (::stat(part.c_str(), &named) != 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev) continue;
      if (::ftruncate(fd, 0) != 0) detail::throw_errno(part, "cannot be written", errno);
      return file;
    }
  }

  // Without it, gigabytes would wait for the fsync in finish(), which nothing can interrupt.
  void start_writeback() {
    if (std::fflush(file_.get()) != 0 || !detail::write_back(::fileno(file_.get()), synced_, started_, written_)) {
      detail::throw_errno(part(), "cannot be written", errno);
    }
    synced_ = started_;
    started_ = written_;
  }

  std::string part() const { return path_ + ".part"; }

  static constexpr std::uint64_t writeback_bytes = std::uint64_t{8} << 20;

  std::string path_;
  Handle file_;
  std::uint64_t written_ = 0;
  std::uint64_t started_ = 0;  // writing to disk has started for the bytes before it
  std::uint64_t synced_ = 0;   // the bytes before it are on disk
};

VLMT_END_NAMESPACE
