// A file that gets its name only once it is complete.
#pragma once

#include <cerrno>
#include <cstddef>
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

  std::string part() const { return path_ + ".part"; }

  std::string path_;
  Handle file_;
};

VLMT_END_NAMESPACE
