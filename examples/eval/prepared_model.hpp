// Model files of a configuration: the originals, or temporary copies with other weight formats, fewer experts or zeroed
// DeepStack features.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <vlmt/base/stop_flag.hpp>

#include "configuration.hpp"

namespace eval {

/// A new folder in the system's temporary folder, deleted with its contents by the destructor.
class TemporaryFolder {
 public:
  /// Throws vlmt::FileError.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Owns the temporary files.
class PreparedModel {
 public:
  /// Writes files that differ from the originals to the system's temporary folder. `experts` lists the experts to keep
  /// in each layer; empty: all. `threads` 0: all processors. Throws vlmt::FileError, and vlmt::Cancelled soon after
  /// `stop` is set.
  PreparedModel(const Configuration& configuration, const std::vector<std::vector<std::size_t>>& experts,
                std::size_t threads, const vlmt::StopFlag* stop = nullptr);

  const std::string& model() const noexcept { return model_; }
  const std::string& mmproj() const noexcept { return mmproj_; }

 private:
  std::unique_ptr<const TemporaryFolder> folder_;  ///< a member: a constructor that throws deletes it, too
  std::string model_;
  std::string mmproj_;
};

}  // namespace eval
