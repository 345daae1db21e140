// From the tensors of a case to tokens and patches: the part that needs no model weights.
#include "inputs.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include <vlmt/base/error.hpp>
#include <vlmt/io/gguf.hpp>
#include <vlmt/model/gguf_vocabulary.hpp>
#include <vlmt/model/vision_config.hpp>
#include <vlmt/nn/vision/preprocess.hpp>

namespace parity {

namespace {

/// An image (one frame) or the frames of a video.
struct Raw {
  bool video = false;
  std::vector<vlmt::Image> frames;
};

/// The tensors CASE.rawK, ordered by K.
std::vector<Raw> read_raw(const Checker& checker, const std::string& name) {
  const std::string prefix = name + ".raw";
  std::map<int, std::string> order;
  for (const std::string& n : checker.names()) {
    if (n.starts_with(prefix)) order[std::stoi(n.substr(prefix.size()))] = n;
  }
  std::vector<Raw> raws;
  for (const auto& [k, tensor] : order) {
    std::vector<std::size_t> shape;
    const std::vector<std::uint8_t> bytes = checker.bytes(tensor, shape);
    if (shape.size() < 3 || shape.size() > 4 || shape.back() != 3) {
      throw vlmt::InputError("an image is (height, width, 3), a video (frames, height, width, 3)",
                             {.field = tensor, .found = shape_text(shape)});
    }
    Raw raw{shape.size() == 4, {}};
    const std::size_t h = shape[shape.size() - 3], w = shape[shape.size() - 2];
    for (std::size_t f = 0; f < bytes.size() / (h * w * 3); ++f) {
      vlmt::Image image;
      image.width = image.original_width = static_cast<int>(w);
      image.height = image.original_height = static_cast<int>(h);
      const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(f * h * w * 3);
      image.rgb.assign(begin, begin + static_cast<std::ptrdiff_t>(h * w * 3));
      raw.frames.push_back(std::move(image));
    }
    raws.push_back(std::move(raw));
  }
  return raws;
}

vlmt::PatchGrid grid_of(const Raw& raw, const vlmt::VisionPreprocess& config) {
  const vlmt::Image& first = raw.frames.at(0);
  return raw.video ? vlmt::video_grid(static_cast<int>(raw.frames.size()), first.height, first.width, config)
                   : vlmt::image_grid(first.height, first.width, config);
}

/// The pixel limits under which the images (or videos) give the number of tokens in the prompt. Golden files do not
/// store their limits, so this tries the known ones, then the model's own.
vlmt::PixelLimits find_limits(const std::vector<Raw>& raws, bool video, std::size_t tokens, const VisionRules& rules,
                              vlmt::VisionPreprocess config, const Settings& settings) {
  std::vector<vlmt::PixelLimits> candidates = {{4096, 65536}, {4096, 131072}};
  if (video) std::swap(candidates[0], candidates[1]);
  candidates.push_back(video ? vlmt::qwen3vl_video_limits : vlmt::PixelLimits{rules.min_pixels, rules.max_pixels});
  if (settings.min_pixels && settings.max_pixels) candidates = {{*settings.min_pixels, *settings.max_pixels}};
  for (const vlmt::PixelLimits& limits : candidates) {
    config.image_limits = config.video_limits = limits;
    std::size_t sum = 0;
    for (const Raw& raw : raws) {
      if (raw.video == video) sum += grid_of(raw, config).tokens(config.layout.merge);
    }
    if (sum == tokens) return limits;
  }
  return candidates[0];
}

}  // namespace

std::vector<std::string> case_names(const Checker& checker) {
  std::vector<std::string> names;
  for (const std::string& n : checker.names()) {
    if (n.ends_with(".input_ids")) names.push_back(n.substr(0, n.size() - 10));
  }
  std::sort(names.begin(), names.end());
  return names;
}

VisionRules read_rules(const std::string& model, const std::string& mmproj) {
  VisionRules rules;
  const vlmt::GgufFile file = vlmt::GgufFile::open(model);
  const vlmt::BpeVocabulary vocabulary = vlmt::read_bpe_vocabulary(file);
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (vocabulary.tokens[i] == "<|image_pad|>") rules.image_token = static_cast<int>(i);
    if (vocabulary.tokens[i] == "<|video_pad|>") rules.video_token = static_cast<int>(i);
  }
  if (mmproj.empty()) return rules;
  const vlmt::VisionConfig c = vlmt::read_vision_config(vlmt::GgufFile::open(mmproj));
  rules.patch = static_cast<int>(c.patch);
  rules.temporal = static_cast<int>(c.temporal_patch);
  rules.merge = static_cast<int>(c.merge);
  std::copy(c.mean.begin(), c.mean.end(), rules.mean);
  std::copy(c.std.begin(), c.std.end(), rules.std);
  rules.min_pixels = c.min_pixels;
  rules.max_pixels = c.max_pixels;
  return rules;
}

Case read_case(Checker& checker, const std::string& name, const VisionRules& rules, const Settings& settings) {
  Case c;
  c.name = name;
  c.ids = checker.find(name + ".input_ids")->integers;
  if (c.ids.empty()) throw vlmt::InputError("must be integers", {.field = name + ".input_ids"});

  vlmt::VisionPreprocess config;
  config.layout = {rules.patch, rules.temporal, rules.merge};
  std::copy_n(rules.mean, 3, config.normalisation.mean.begin());
  std::copy_n(rules.std, 3, config.normalisation.std.begin());
  const std::vector<Raw> raws = read_raw(checker, name);
  for (const bool video : {false, true}) {
    const int token = video ? rules.video_token : rules.image_token;
    const auto tokens = static_cast<std::size_t>(std::count(c.ids.begin(), c.ids.end(), token));
    if (tokens == 0) continue;
    const std::string kind = video ? "video" : "image";
    const std::string pixels_name = name + (video ? ".pixel_values_videos" : ".pixel_values");
    const std::string grid_name = name + "." + kind + "_grid_thw";
    std::vector<Visual>& visuals = video ? c.videos : c.images;

    // Patches of the raw images, from vlmt's own resize.
    std::vector<float> all;
    std::vector<int> grids;
    config.image_limits = config.video_limits = find_limits(raws, video, tokens, rules, config, settings);
    for (const Raw& raw : raws) {
      if (raw.video != video) continue;
      vlmt::VisionPatches p =
          video ? vlmt::preprocess_video(raw.frames, config) : vlmt::preprocess_image(raw.frames[0], config);
      all.insert(all.end(), p.values.begin(), p.values.end());
      grids.insert(grids.end(), {p.grid.t, p.grid.h, p.grid.w});
      visuals.push_back({video, p.grid.t, p.grid.h, p.grid.w, std::move(p.values)});
    }
    const std::size_t values = config.layout.values();
    if (!visuals.empty()) {
      const std::vector<std::size_t> shape = {all.size() / values, values};
      if (checker.has(grid_name)) checker.equal("", grid_name, {visuals.size(), 3}, grids);
      if (checker.has(pixels_name)) {
        const double step = 2.0 / 255.0 / (2.0 * static_cast<double>(rules.std[0]));
        checker.steps(pixels_name, shape, all, step, 0.995);
      }
      checker.keep(grid_name, {visuals.size(), 3}, grids);
      checker.keep(pixels_name, shape, all);
    }

    // The vision encoder gets the file's pixels, so that resize differences do not affect its features.
    const auto grid = checker.find(grid_name);
    const auto pixels = checker.find(pixels_name);
    if (grid && pixels) {
      visuals.clear();
      std::size_t at = 0;
      for (std::size_t i = 0; i + 2 < grid->integers.size(); i += 3) {
        Visual v{video, grid->integers[i], grid->integers[i + 1], grid->integers[i + 2], {}};
        const std::size_t n =
            static_cast<std::size_t>(v.t) * static_cast<std::size_t>(v.h) * static_cast<std::size_t>(v.w) * values;
        if (v.t < 1 || v.h < 1 || v.w < 1 || v.h % rules.merge != 0 || v.w % rules.merge != 0 ||
            n > pixels->floats.size() - at) {
          throw vlmt::InputError("does not fit " + pixels_name, {.field = grid_name});
        }
        const auto begin = pixels->floats.begin() + static_cast<std::ptrdiff_t>(at);
        v.patches.assign(begin, begin + static_cast<std::ptrdiff_t>(n));
        at += n;
        visuals.push_back(std::move(v));
      }
    } else if (visuals.empty()) {
      throw vlmt::InputError(
          "the prompt has placeholders of a " + kind + ", but the file has neither raw pixels nor " + pixels_name,
          {.field = name});
    }
  }
  return c;
}

}  // namespace parity
