// Checks the tables of tables.safetensors: sizes of images and videos, frame indices, patches, positions.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <vlmt/base/error.hpp>
#include <vlmt/nn/vision/clip_preprocess.hpp>
#include <vlmt/nn/vision/frames.hpp>
#include <vlmt/nn/vision/position_grid.hpp>
#include <vlmt/nn/vision/preprocess.hpp>

#include "inputs.hpp"

namespace parity {

namespace {

vlmt::Image raw_image(const Checker& checker, const std::string& k) {
  std::vector<std::size_t> shape;
  vlmt::Image image;
  image.rgb = checker.bytes("raw." + k, shape);
  if (shape.size() != 3) throw vlmt::InputError("an image is (height, width, 3)", {.field = "raw." + k});
  image.height = image.original_height = static_cast<int>(shape[0]);
  image.width = image.original_width = static_cast<int>(shape[1]);
  return image;
}

/// Recomputes the last two columns (height, width) of every row by `rule`, -1 where it throws, and compares.
template <class Rule>
void check_sizes(Checker& checker, const std::string& name, std::size_t columns, Rule&& rule) {
  const auto table = checker.find(name);
  std::vector<int> got = table->integers;
  for (std::size_t i = 0; i + columns <= got.size(); i += columns) {
    vlmt::PixelSize size{-1, -1};
    try {
      size = rule(got.data() + i);
    } catch (const vlmt::InputError&) {
      // The table may expect a refusal.
    }
    got[i + columns - 2] = size.height;
    got[i + columns - 1] = size.width;
  }
  checker.equal("", name, table->shape, got);
}

void check_patches(Checker& checker, const std::string& k) {
  vlmt::VisionPreprocess config;
  config.image_limits = {4096, 16384};
  const vlmt::VisionPatches patches = vlmt::preprocess_image(raw_image(checker, k), config);
  checker.equal("", "qwen." + k + ".grid", {3}, std::array{patches.grid.t, patches.grid.h, patches.grid.w});
  const std::size_t values = config.layout.values();
  checker.steps("qwen." + k + ".patches", {patches.values.size() / values, values}, patches.values, 1.0 / 127.5, 0.995);
}

void check_clip(Checker& checker, const std::string& k) {
  const std::vector<float> pixels = vlmt::clip_pixels(raw_image(checker, k), 56);
  // One step of the channel with the smallest deviation.
  checker.steps("clip." + k + ".pixels", {3, 56, 56}, pixels, 1.0 / 255.0 / 0.26130258, 0.995);
}

void check_frames(Checker& checker, const std::string& name) {
  const std::string rest = name.substr(7);  // "300.29.97": frames, rate
  const int total = std::atoi(rest.c_str());
  const double fps = std::atof(rest.substr(rest.find('.') + 1).c_str());
  const std::vector<int> indices = vlmt::sample_frames(total, fps);
  checker.equal("", name, {indices.size()}, indices);
}

void check_position_grid(Checker& checker, const std::string& name, const Expected& table) {
  int t = 0, h = 0, w = 0;
  if (std::sscanf(name.c_str(), "pos.%dx%dx%d", &t, &h, &w) != 3 || t < 1 || h < 1 || w < 1 || h > 4096 || w > 4096) {
    throw vlmt::InputError("is not a table of positions", {.field = name});
  }
  const std::size_t hidden = table.shape.at(1);
  const std::vector<vlmt::PositionTaps> taps = vlmt::position_taps(h, w, 48);
  std::vector<float> slice(taps.size() * hidden), got;
  vlmt::interpolate_positions(table.floats, taps, hidden, slice);
  for (int i = 0; i < t; ++i) got.insert(got.end(), slice.begin(), slice.end());
  // Within 1e-6 of values of about 1.
  checker.steps(name, {got.size() / hidden, hidden}, got, 1e-6, 0.0);
}

}  // namespace

void check_tables(Checker& checker) {
  const auto positions = checker.find("pos.table");
  for (const std::string& name : checker.names()) {
    if (name == "smart_resize.image") {
      check_sizes(checker, name, 4, [](const int* row) { return vlmt::smart_resize(row[0], row[1]); });
    } else if (name == "smart_resize.video") {
      check_sizes(checker, name, 5, [](const int* row) {
        return vlmt::smart_resize_video(row[0], row[1], row[2], 2, 32, {131072, 25165824});
      });
    } else if (name.starts_with("frames.")) {
      check_frames(checker, name);
    } else if (name.starts_with("qwen.") && name.ends_with(".patches")) {
      check_patches(checker, name.substr(5, name.size() - 13));
    } else if (name.starts_with("clip.") && name.ends_with(".pixels")) {
      check_clip(checker, name.substr(5, name.size() - 12));
    } else if (name.starts_with("pos.") && name != "pos.table") {
      if (!positions) throw vlmt::InputError("the table to interpolate is missing", {.field = "pos.table"});
      check_position_grid(checker, name, *positions);
    }
  }
}

}  // namespace parity
