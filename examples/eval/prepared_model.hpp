// Model files of a configuration: the originals, or temporary copies with other weight formats, fewer experts or zeroed
// DeepStack features.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "configuration.hpp"

namespace eval {

/// Owns the temporary files and deletes them in the destructor.
class PreparedModel {
 public:
  /// Writes files that differ from the originals to the system's temporary folder. `experts` lists the experts to keep
  /// in each layer; empty: all. `threads` 0: all processors. Throws vlmt::FileError.
  PreparedModel(const Configuration& configuration, const std::vector<std::vector<std::size_t>>& experts,
                std::size_t threads);
  ~PreparedModel();
  PreparedModel(const PreparedModel&) = delete;
  PreparedModel& operator=(const PreparedModel&) = delete;

  const std::string& model() const noexcept { return model_; }
  const std::string& mmproj() const noexcept { return mmproj_; }

 private:
  std::filesystem::path folder_;
  std::string model_;
  std::string mmproj_;
};

}  // namespace eval
