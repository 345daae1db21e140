// See find_mmproj.hpp.
#include "find_mmproj.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <vlmt/base/error.hpp>
#include <vlmt/io/gguf.hpp>
#include <vlmt/model/model_pair.hpp>
#include <vlmt/model/qwen3vl.hpp>
#include <vlmt/model/text_config.hpp>
#include <vlmt/model/vision_config.hpp>

namespace programs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_folder_entries = 10'000;

/// GGUF files with "mmproj" in their name in a folder, sorted.
std::vector<std::string> mmprojs_in(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code none;
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    if (++entries > max_folder_entries) break;
    std::string name = entry.path().filename().string();
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name.ends_with(".gguf") && name.find("mmproj") != std::string::npos && entry.is_regular_file(none)) {
      found.push_back((folder / entry.path().filename()).string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<std::string> fitting_mmprojs(const std::string& model) {
  std::vector<std::string> alike, others;
  try {
    const vlmt::GgufFile file = vlmt::GgufFile::open(model);
    const vlmt::TextConfig text = vlmt::read_config<vlmt::Qwen3VL>(file);
    const fs::path folder = fs::path(model).parent_path();
    for (const std::string& path : mmprojs_in(folder.empty() ? "." : folder)) {
      try {
        const vlmt::GgufFile mmproj = vlmt::GgufFile::open(path);
        vlmt::check_pair(text, vlmt::read_vision_config(mmproj));
        (vlmt::pair_warning(file, mmproj).empty() ? alike : others).push_back(path);
      } catch (const vlmt::Error&) {  // of another model
      }
    }
  } catch (const vlmt::Error&) {  // reported when the model is loaded
  }
  return alike.empty() ? others : alike;
}

std::string find_mmproj(const std::string& model, const char* program) {
  const std::vector<std::string> fitting = fitting_mmprojs(model);
  if (fitting.empty()) return {};
  if (fitting.size() > 1) {
    std::string list;
    for (const std::string& path : fitting) list += (list.empty() ? "" : ", ") + path;
    throw vlmt::InputError("several vision encoders beside the model fit it: pass one of them with --mmproj",
                           {.file = model, .found = list});
  }
  std::fprintf(stderr, "%s: the vision encoder is %s, found beside the model\n", program, fitting[0].c_str());
  return fitting[0];
}

}  // namespace programs
