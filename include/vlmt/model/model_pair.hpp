// Checks that a decoder and a vision encoder, read from two files, belong together.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// Throws FileError, naming both files, if the features do not fit the decoder: their width (rows of mm.2.weight, and
/// clip.vision.projection_dim) or the number of DeepStack levels.
void check_pair(const TextConfig& text, const VisionConfig& vision);

/// A warning for the user if the names in the two files are those of different models; else empty. Names prove nothing:
/// a vision encoder may serve a fine-tuned decoder. But vision encoders of different models with the same width pass
/// check_pair, and then only names differ.
std::string pair_warning(const GgufFile& model, const GgufFile& mmproj);

#if VLMT_HAS_BODIES

namespace detail {

/// The words of a model's name in lower case, without those that only state the kind of file.
inline std::vector<std::string> name_words(std::string_view name) {
  constexpr std::array<std::string_view, 5> kinds{"model", "mmproj", "vision", "clip", "gguf"};
  std::vector<std::string> words(1);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool part = byte >= 0x80 || std::isalnum(byte) != 0 || c == '.';
    if (part) {
      words.back() += static_cast<char>(std::tolower(byte));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  std::erase_if(words, [&](const std::string& word) {
    return word.empty() || std::find(kinds.begin(), kinds.end(), word) != kinds.end();
  });
  return words;
}

/// True if each name has a word that the other lacks. So "tiny" and "tiny-moe" may share a vision encoder.
inline bool names_differ(std::string_view a, std::string_view b) {
  const std::vector<std::string> first = name_words(a), second = name_words(b);
  const auto lacks = [](const std::vector<std::string>& words, const std::vector<std::string>& of) {
    return std::any_of(of.begin(), of.end(), [&](const std::string& word) {
      return std::find(words.begin(), words.end(), word) == words.end();
    });
  };
  return lacks(first, second) && lacks(second, first);
}

}  // namespace detail

VLMT_BODY void check_pair(const TextConfig& text, const VisionConfig& vision) {
  const auto check = [&](const char* field, std::size_t expected, std::size_t found, const char* unit,
                         const char* of_model) {
    if (expected == found) return;
    throw FileError("the mmproj file belongs to another model",
                    {vision.file,
                     {},
                     field,
                     std::to_string(expected) + unit + " as " + text.architecture + "." + of_model + " of " + text.file,
                     std::to_string(found)});
  };
  check("mm.2.weight", text.hidden, vision.out_hidden, " rows", "embedding_length");
  check("clip.vision.projection_dim", text.hidden, vision.projection, "", "embedding_length");
  check("clip.vision.is_deepstack_layers", text.deepstack_layers, vision.deepstack.size(), " levels",
        "n_deepstack_layers");
}

// general.size_label is not compared: if the size of the tensors differs much from the size in the name, converters
// write the former there.
VLMT_BODY std::string pair_warning(const GgufFile& model, const GgufFile& mmproj) {
  for (const char* key : {"general.basename", "general.name"}) {
    const auto ours = model.get_or<std::string_view>(key, "");
    const auto theirs = mmproj.get_or<std::string_view>(key, "");
    if (!detail::names_differ(ours, theirs)) continue;
    return mmproj.path() + ": `" + key + "`: the mmproj file may belong to another model (" + model.path() + " is " +
           detail::shown(ours) + ", found " + detail::shown(theirs) + ")";
  }
  return {};
}

#endif

VLMT_END_NAMESPACE
