// See bundled_model.hpp.
#include "bundled_model.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <vlmt/base/error.hpp>

#include "find_mmproj.hpp"

namespace programs {
namespace {

/// The models in a folder, which share one mmproj; the shortest name first.
std::vector<ModelFiles> models_in(const std::filesystem::path& folder, bool trained) {
  std::error_code none;
  std::vector<ModelFiles> models;
  std::vector<std::string> projectors;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() != ".gguf") continue;
    const std::string stem = entry.path().stem().string();
    if (stem.find("mmproj") != std::string::npos) {
      projectors.push_back(entry.path().string());
    } else {
      models.push_back({stem.substr(0, stem.rfind('-')), entry.path().string(), {}, trained});
    }
  }
  if (projectors.empty()) return {};
  for (ModelFiles& m : models) m.mmproj = *std::min_element(projectors.begin(), projectors.end());
  std::sort(models.begin(), models.end(), [](const ModelFiles& a, const ModelFiles& b) {
    return std::pair(a.name.size(), a.model) < std::pair(b.name.size(), b.model);
  });
  return models;
}

/// share/vlmt/models beside the program's folder (installed or in a build tree), and models/ of the source tree around
/// the build tree.
std::vector<std::filesystem::path> model_roots() {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::path bin = fs::read_symlink("/proc/self/exe", none).parent_path();
  std::vector<fs::path> roots = {bin / "../share/vlmt/models", bin / "../../share/vlmt/models"};
  fs::path up = bin;
  for (int level = 0; level < 4; ++level) {
    up = up.parent_path();
    roots.push_back(up / "models");
  }
  return roots;
}

}  // namespace

std::vector<ModelFiles> bundled_models() {
  for (const bool trained : {true, false}) {
    for (const std::filesystem::path& root : model_roots()) {
      auto found = models_in(root / (trained ? "tiny" : "golden"), trained);
      if (!found.empty()) return found;
    }
  }
  return {};
}

std::optional<std::string> find_bundled_samples() {
  std::error_code none;
  for (const std::filesystem::path& root : model_roots()) {
    if (std::filesystem::exists(root / "samples" / "items.jsonl", none)) {
      return std::filesystem::weakly_canonical(root / "samples", none).string();
    }
  }
  return std::nullopt;
}

ModelFiles choose_model(const std::string& model, const std::string& mmproj, const char* program, bool wants_vision) {
  std::error_code none;
  if (!model.empty() && (model.find('/') != std::string::npos || std::filesystem::exists(model, none))) {
    return {std::filesystem::path(model).stem().string(), model,
            mmproj.empty() && wants_vision ? find_mmproj(model, program) : mmproj, true};
  }
  std::string names;
  for (const ModelFiles& bundled : bundled_models()) {
    names += (names.empty() ? "" : ", ") + bundled.name;
    if (!model.empty() && model != bundled.name) continue;
    if (!bundled.trained) {
      std::fprintf(stderr, "%s: the bundled model has random weights, for tests; its answers are meaningless\n",
                   program);
    }
    return {bundled.name, bundled.model, mmproj.empty() ? bundled.mmproj : mmproj, bundled.trained};
  }
  if (model.empty()) throw vlmt::InputError("this build has no bundled model: pass one with --model");
  // Not a bundled name: report it as a missing file.
  return {model, model, mmproj, true};
}

}  // namespace programs
