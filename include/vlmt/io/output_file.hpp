// A file that appears under its name only when it is complete.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/mapped_file.hpp"

VLMT_BEGIN_NAMESPACE

/// Writes to `path`.part and renames it in finish(). Without finish() the destructor removes the part.
class OutputFile {
 public:
  /// Throws FileError where the file cannot be created.
  explicit OutputFile(std::string path) : path_(std::move(path)), file_(std::fopen(part().c_str(), "wb")) {
    if (!file_) detail::throw_errno(part(), "cannot be created", errno);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() {
    if (!file_) return;
    file_.reset();
    std::remove(part().c_str());
  }

  /// Throws FileError where the disk is full and the like.
  void put(std::span<const std::byte> bytes) {
    if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
      detail::throw_errno(part(), "cannot be written", errno);
    }
  }

  /// Closes the file and gives it its name. Throws FileError.
  void finish() {
    const bool closed = std::fclose(file_.release()) == 0;
    if (!closed || std::rename(part().c_str(), path_.c_str()) != 0) {
      const int error = errno;
      std::remove(part().c_str());
      detail::throw_errno(path_, "cannot be written", error);
    }
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string part() const { return path_ + ".part"; }

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

VLMT_END_NAMESPACE
