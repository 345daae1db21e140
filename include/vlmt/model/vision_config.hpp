// Hyperparameters of a vision encoder, read from an mmproj GGUF file and validated.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/unread_keys.hpp"

VLMT_BEGIN_NAMESPACE

/// Hyperparameters of a vision encoder. The comments name what only that of Qwen3-VL has.
struct VisionConfig {
  std::string file;
  std::size_t hidden = 0;
  std::size_t depth = 0;
  std::size_t heads = 0;
  std::size_t ffn = 0;
  std::size_t patch = 0;               ///< side of a patch in pixels
  std::size_t merge = 0;               ///< side of the square of patches that becomes one token
  std::size_t temporal_patch = 2;      ///< frames per patch
  std::size_t out_hidden = 0;          ///< width of a feature (rows of mm.2.weight): the hidden size of the decoder
  std::size_t projection = 0;          ///< width by clip.vision.projection_dim; out_hidden if absent
  std::size_t position_side = 0;       ///< the learned position table has side * side rows
  std::vector<std::size_t> deepstack;  ///< blocks that feed DeepStack levels, ascending
  std::array<float, 3> mean{};
  std::array<float, 3> std{};
  float norm_eps = 0.0f;
  std::size_t min_pixels = 0;  ///< minimum area of a resized image, in pixels
  std::size_t max_pixels = 0;  ///< maximum area

  std::size_t head_dim() const noexcept { return hidden / heads; }
  std::size_t patch_values() const noexcept { return 3 * temporal_patch * patch * patch; }
  /// Both sides of a resized image are multiples of this many pixels.
  std::size_t factor() const noexcept { return patch * merge; }
};

/// Reads what all vision encoders have: width, depth, heads, MLP, patch size, eps, mean and standard deviation of
/// pixels. Throws FileError with the key at fault.
void read_vision_sizes(const GgufFile& file, VisionConfig& c);

/// Reads the keys of a Qwen3-VL mmproj file. Throws FileError with the key or tensor at fault.
VisionConfig read_vision_config(const GgufFile& file);

#if VLMT_HAS_BODIES

VLMT_BODY void read_vision_sizes(const GgufFile& file, VisionConfig& c) {
  const ModelLimits limits;
  using detail::require_size;
  const std::string v = "clip.vision.";
  c.hidden = require_size(file, v + "embedding_length", 8, limits.width);
  c.depth = require_size(file, v + "block_count", 1, limits.layers);
  c.heads = require_size(file, v + "attention.head_count", 1, 1024);
  if (c.hidden % c.heads != 0 || c.head_dim() % 8 != 0) {
    throw FileError("heads do not divide the width into multiples of 8",
                    {c.file, {}, v + "attention.head_count", {}, std::to_string(c.heads)});
  }
  c.ffn = require_size(file, v + "feed_forward_length", 1, limits.width);
  c.patch = require_size(file, v + "patch_size", 1, 256);
  c.norm_eps = detail::require_positive(file, v + "attention.layer_norm_epsilon");
  const auto mean = file.require_array<float>(v + "image_mean");
  const auto std = file.require_array<float>(v + "image_std");
  for (std::size_t i = 0; i < 3; ++i) {
    if (mean.size() != 3 || std.size() != 3 || !std::isfinite(mean[i]) || !(std[i] > 0.0f) || !std::isfinite(std[i])) {
      throw FileError("mean and standard deviation of pixels must be three finite numbers, the latter positive",
                      {c.file, {}, v + "image_mean, " + v + "image_std", {}, {}});
    }
    c.mean[i] = mean[i];
    c.std[i] = std[i];
  }
}

VLMT_BODY VisionConfig read_vision_config(const GgufFile& file) {
  VisionConfig c;
  c.file = file.path();
  const auto architecture = file.require<std::string_view>("general.architecture");
  if (architecture != "clip") {
    throw FileError("this is not an mmproj file",
                    {c.file, {}, "general.architecture", "clip", std::string(architecture)});
  }
  std::string projector_key = "clip.projector_type";
  if (file.find(projector_key) == nullptr) projector_key = "clip.vision.projector_type";
  const auto projector = file.require<std::string_view>(projector_key);
  if (projector != "qwen3vl_merger") {
    throw FileError("the projector belongs to another model family",
                    {c.file, {}, projector_key, "qwen3vl_merger", std::string(projector)});
  }
  check_unread_vision_keys(file);
  read_vision_sizes(file, c);
  const ModelLimits limits;
  const std::string v = "clip.vision.";
  c.merge = detail::size_or(file, v + "spatial_merge_size", 2, 1, 8);
  c.out_hidden = static_cast<std::size_t>(file.require_tensor("mm.2.weight").ne[1]);
  c.projection = detail::size_or(file, v + "projection_dim", c.out_hidden, 1, limits.width);

  const GgufTensor& table = file.require_tensor("v.position_embd.weight");
  c.position_side = static_cast<std::size_t>(std::sqrt(static_cast<double>(table.ne[1])) + 0.5);
  if (c.position_side == 0 || c.position_side > 4096 || c.position_side * c.position_side != table.ne[1]) {
    throw FileError("the position table is not square",
                    {c.file, table.offset, "v.position_embd.weight", {}, std::to_string(table.ne[1]) + " rows"});
  }

  const std::string deep_key = v + "is_deepstack_layers";
  const auto flags = file.find_array<bool>(deep_key);
  if (flags && flags->size() != c.depth) {
    throw FileError("the number of DeepStack flags differs from the number of blocks",
                    {c.file, {}, deep_key, std::to_string(c.depth), std::to_string(flags->size())});
  }
  for (std::size_t i = 0; i < c.depth; ++i) {
    const std::string tensor = "v.deepstack." + std::to_string(i) + ".fc1.weight";
    const bool there = file.find_tensor(tensor) != nullptr;
    if (there) c.deepstack.push_back(i);
    if (flags && (*flags)[i] != there) {
      throw FileError("the DeepStack flag contradicts the tensors",
                      {c.file,
                       {},
                       deep_key + "[" + std::to_string(i) + "]",
                       (there ? "true, the file has " : "false, the file lacks ") + tensor,
                       there ? "false" : "true"});
    }
  }

  // Defaults of the released Qwen3-VL preprocessors: 64 to 16384 tokens of 32 x 32 pixels.
  const std::size_t token_pixels = c.factor() * c.factor();
  const std::size_t most = std::size_t{1} << 40;
  c.min_pixels = detail::size_or(file, v + "image_min_pixels", 64 * token_pixels, 1, most);
  c.max_pixels = detail::size_or(file, v + "image_max_pixels", 16384 * token_pixels, 1, most);
  if (c.min_pixels > c.max_pixels || c.max_pixels < token_pixels) {
    throw FileError(
        "the limits of an image's size contradict each other",
        {c.file, {}, v + "image_max_pixels", "at least " + std::to_string(c.min_pixels), std::to_string(c.max_pixels)});
  }
  return c;
}

#endif

VLMT_END_NAMESPACE
