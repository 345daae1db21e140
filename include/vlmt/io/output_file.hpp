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

/// True if both paths lead to one existing file: through links of either kind, or by another spelling.
inline bool is_same_file(const std::string& a, const std::string& b) noexcept {
  struct stat first {
  }, second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

/// Writes to `path`.part and renames it to `path` in finish(). Without finish(), the destructor removes the part file.
/// A part file left by a crash is overwritten. Only one writer per path at a time: a second one is refused (flock).
///
/// A symbolic link is followed: the file that it leads to is written or replaced, and the link stays. Only a regular
/// file is replaced, and only one that may be written; the new one gets its owner and permissions.
class OutputFile {
 public:
  /// Throws FileError if `path` must not be replaced, or the file cannot be created or another writer has it open.
  explicit OutputFile(std::string path) : path_(std::move(path)), target_(target_of(path_)), file_(create(part())) {
    keep_permissions();
  }

  /// Throws FileError if `path` must not be replaced, or its folder is missing or read-only. Creates nothing. For
  /// programs that write only after long work.
  static void check(const std::string& path);

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
                      std::rename(part().c_str(), target_.c_str()) == 0;
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

  /// The path at the end of a chain of symbolic links. Throws FileError if what is there must not be replaced.
  static std::string target_of(const std::string& path);

  /// Takes over owner and permissions of a file that will be replaced, as far as user and file system allow.
  void keep_permissions() noexcept {
    struct stat old {};
    if (::stat(target_.c_str(), &old) != 0) return;
    [[maybe_unused]] const int owner = ::fchown(::fileno(file_.get()), old.st_uid, old.st_gid);
    [[maybe_unused]] const int mode = ::fchmod(::fileno(file_.get()), old.st_mode & 0777);
  }

  // Opens, locks and empties the part file.
  static Handle create(const std::string& part) {
    while (true) {
      // Neither a link nor a device is to be written; O_NONBLOCK: opening a FIFO would wait for a reader.
      const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
      if (fd < 0) detail::throw_errno(part, "cannot be created", errno);
      Handle file(::fdopen(fd, "wb"));
      if (!file) {
        const int error = errno;
        ::close(fd);
        detail::throw_errno(part, "cannot be created", error);
      }
      struct stat opened {
      }, named{};
      if (::fstat(fd, &opened) != 0) detail::throw_errno(part, "cannot be examined", errno);
      if (!S_ISREG(opened.st_mode)) throw FileError("is not a regular file", {.file = part});
      if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) throw FileError("is being written by another writer", {.file = part});
        detail::throw_errno(part, "cannot be locked", errno);
      }
      // Before we got the lock, its previous owner may have renamed or removed the file we opened: try again.
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

  std::string part() const { return target_ + ".part"; }

  static constexpr std::uint64_t writeback_bytes = std::uint64_t{8} << 20;

  std::string path_;
  std::string target_;  // path_ with links resolved
  Handle file_;
  std::uint64_t written_ = 0;
  std::uint64_t started_ = 0;  // writing to disk has started for the bytes before it
  std::uint64_t synced_ = 0;   // the bytes before it are on disk
};

#if VLMT_HAS_BODIES

VLMT_BODY std::string OutputFile::target_of(const std::string& path) {
  constexpr int most_links = 40;  // as the kernel follows
  std::string target = path;
  struct stat status {};
  for (int links = 0;; ++links) {
    if (::lstat(target.c_str(), &status) != 0) return target;  // new, or opening it fails with the reason
    if (!S_ISLNK(status.st_mode)) break;
    char next[4096];
    const ssize_t length = links < most_links ? ::readlink(target.c_str(), next, sizeof next) : -1;
    if (length < 0) detail::throw_errno(path, "cannot be followed", links < most_links ? errno : ELOOP);
    const std::string link(next, static_cast<std::size_t>(length));
    const std::size_t folder = target.rfind('/');
    target = link[0] == '/' || folder == std::string::npos ? link : target.substr(0, folder + 1) + link;
  }
  if (!S_ISREG(status.st_mode)) {
    const char* kind = S_ISDIR(status.st_mode)    ? "a folder"
                       : S_ISFIFO(status.st_mode) ? "a FIFO"
                       : S_ISSOCK(status.st_mode) ? "a socket"
                                                  : "a device";
    throw FileError("only a regular file can be replaced", {.file = path, .expected = "a file", .found = kind});
  }
  // Root may write any file; one that was made read-only is meant to stay.
  if ((status.st_mode & 0222) == 0) throw FileError("is read-only", {.file = path});
  if (::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) {
    detail::throw_errno(path, "cannot be replaced", errno);
  }
  return target;
}

VLMT_BODY void OutputFile::check(const std::string& path) {
  const std::string target = target_of(path);
  const std::size_t end = target.rfind('/');
  const std::string folder = end == std::string::npos ? "." : target.substr(0, end + 1);
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    detail::throw_errno(path, "cannot be created", errno);
  }
}

#endif

VLMT_END_NAMESPACE
