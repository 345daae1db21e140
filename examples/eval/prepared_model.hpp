// The files of a configuration: the model's own, or copies of them with other weights, fewer experts or no DeepStack.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "configuration.hpp"

namespace eval {

/// Files that are there as long as this object.
class PreparedModel {
 public:
  /// Writes what differs from the configuration's own files to the system's folder for temporary files. `experts`:
  /// those that stay in each layer, or none for all. Throws vlmt::FileError.
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
