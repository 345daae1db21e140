// Prompts of golden cases as the rows of steps, for any backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vlmt/io/safetensors.hpp"
#include "vlmt/model/text_config.hpp"

namespace vlmt::cuda_test {

inline std::string golden_folder(const std::string& model) {
  return std::string(VLMT_TEST_UNPACKED) + "/golden/" + model;
}

/// Rows of a prompt. An image's features take the rows of its image tokens.
struct Prompt {
  std::vector<std::int32_t> ids;           ///< (rows): tokens; -1 for rows of features
  std::vector<std::int32_t> positions;     ///< (rows, 3)
  std::vector<std::int32_t> visual_at;     ///< (visual rows): their rows
  std::vector<std::vector<float>> visual;  ///< by level, (visual rows, hidden)

  std::size_t rows() const noexcept { return ids.size(); }
};

inline Prompt read_prompt(const SafetensorsFile& file, const std::string& name, std::size_t deepstack_levels) {
  constexpr std::int32_t image_token = 760;  // of the golden models
  Prompt p;
  p.ids = file.read<std::int32_t>(name + ".input_ids");
  const auto axes = file.read<std::int32_t>(name + ".position_ids");  // (3, rows)
  for (std::size_t i = 0; i < p.rows(); ++i) {
    for (std::size_t a = 0; a < 3; ++a) p.positions.push_back(axes[a * p.rows() + i]);
    if (p.ids[i] != image_token) continue;
    p.ids[i] = -1;
    p.visual_at.push_back(static_cast<std::int32_t>(i));
  }
  if (p.visual_at.empty()) return p;
  p.visual.push_back(file.read<float>(name + ".image_embeds"));
  for (std::size_t l = 0; l < deepstack_levels; ++l) {
    p.visual.push_back(file.read<float>(name + ".image_deepstack" + std::to_string(l)));
  }
  return p;
}

}  // namespace vlmt::cuda_test
