// See prepared_model.hpp.
#include "prepared_model.hpp"

#include <cstdlib>
#include <memory>
#include <system_error>

#include <vlmt/base/error.hpp>

#include "../common/mixture.hpp"
#include "../common/rewrite_gguf.hpp"

namespace eval {
namespace {

/// DeepStack features are the outputs of the second matrices of the DeepStack mergers.
bool ends_deepstack(const vlmt::GgufTensor& t) {
  return t.name.starts_with("v.deepstack.") && t.name.find(".fc2.") != std::string_view::npos;
}

void set_weights(programs::Rewrite& rewrite, const vlmt::GgufFile& file, const std::string& weights) {
  if (weights == "file") return;
  const programs::Mixture mixture = *programs::make_mixture(weights);
  rewrite.type = programs::MixtureOfFile(file, mixture);
  rewrite.file_type = mixture.file_type;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "vlmt-eval-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw vlmt::FileError("cannot create this temporary folder", {.file = name});
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code none;
  std::filesystem::remove_all(path_, none);
}

PreparedModel::PreparedModel(const Configuration& c, const std::vector<std::vector<std::size_t>>& experts,
                             std::size_t threads, const vlmt::StopFlag* stop)
    : model_(c.model), mmproj_(c.mmproj) {
  vlmt::OmpTeam team = threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(threads);
  const bool other_model = c.weights != "file" || !experts.empty();
  const bool other_encoder = !c.mmproj.empty() && (c.vision_weights != "file" || c.deepstack == "zero");
  if (other_model || other_encoder) folder_ = std::make_unique<TemporaryFolder>();
  if (other_model) {
    const vlmt::GgufFile file = vlmt::GgufFile::open(c.model);
    programs::Rewrite rewrite;
    set_weights(rewrite, file, c.weights);
    rewrite.experts = experts;
    rewrite.stop = stop;
    model_ = (folder_->path() / "model.gguf").string();
    programs::rewrite_gguf(file, model_, rewrite, team);
  }
  if (other_encoder) {
    const vlmt::GgufFile file = vlmt::GgufFile::open(c.mmproj);
    programs::Rewrite rewrite;
    set_weights(rewrite, file, c.vision_weights);
    if (c.deepstack == "zero") rewrite.zero = ends_deepstack;
    rewrite.stop = stop;
    mmproj_ = (folder_->path() / "mmproj.gguf").string();
    programs::rewrite_gguf(file, mmproj_, rewrite, team);
  }
}

}  // namespace eval
