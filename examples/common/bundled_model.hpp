// The model that programs use when none is named: one that comes with the sources, found beside the program.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace programs {

struct ModelFiles {
  std::string model;
  std::string mmproj;
  bool trained = false;  ///< false: random weights, made for tests; its words mean nothing
};

namespace detail {

/// The model and its mmproj in a folder, if it holds both.
inline std::optional<ModelFiles> model_in(const std::filesystem::path& folder, bool trained) {
  std::error_code none;
  std::vector<std::string> models, projectors;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() != ".gguf") continue;
    const bool projector = entry.path().filename().string().find("mmproj") != std::string::npos;
    (projector ? projectors : models).push_back(entry.path().string());
  }
  if (models.empty() || projectors.empty()) return std::nullopt;
  return ModelFiles{*std::min_element(models.begin(), models.end()),
                    *std::min_element(projectors.begin(), projectors.end()), trained};
}

}  // namespace detail

/// Looks into share/vlmt/models beside the program's folder (installed, or in a build) and into models/ of the source
/// tree that the build stands in: first for the trained model `tiny`, then for `golden`, which is made for tests.
inline std::optional<ModelFiles> find_bundled_model() {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::path bin = fs::read_symlink("/proc/self/exe", none).parent_path();
  std::vector<fs::path> roots = {bin / "../share/vlmt/models", bin / "../../share/vlmt/models"};
  fs::path up = bin;
  for (int level = 0; level < 4; ++level) {
    up = up.parent_path();
    roots.push_back(up / "models");
  }
  for (const bool trained : {true, false}) {
    for (const fs::path& root : roots) {
      if (auto found = detail::model_in(root / (trained ? "tiny" : "golden"), trained)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace programs
