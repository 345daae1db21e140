// See media_cost.hpp.
#include "media_cost.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

std::vector<std::string> frame_files(const std::string& folder) {
  std::error_code problem;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  if (problem) throw vlmt::FileError("cannot be read: " + problem.message(), {.file = folder});
  if (files.empty()) throw vlmt::FileError("no frames in the folder", {.file = folder});
  std::sort(files.begin(), files.end());
  return files;
}

vlmt::Video video_of(const std::string& folder, double fps) {
  std::vector<vlmt::ImageSource> frames;
  for (const std::string& file : frame_files(folder)) frames.push_back(vlmt::image(std::filesystem::path(file)));
  return vlmt::video(std::move(frames), fps);
}

CostReader::CostReader(const Model& model, const vlmt::SessionOptions& options)
    : team_(1), vision_(model.vlm(), team_, options.vision()), options_(options) {
  has_vision_ = model.vlm().vision_encoder() != nullptr;
}

MediaCost CostReader::image(const programs::MediaSource& source) const {
  const vlmt::ImageInfo info = header(source);
  return cost(source.name, 1, info, vlmt::image_grid(info.height, info.width, vision_.preprocess()));
}

MediaCost CostReader::video(const std::string& folder) const {
  const std::vector<std::string> files = frame_files(folder);
  const vlmt::ImageInfo info = header({files[0], nullptr});
  const int n = static_cast<int>(files.size());
  return cost(folder, n, info, vlmt::video_grid(n, info.height, info.width, vision_.preprocess()));
}

std::size_t CostReader::pixels(const MediaCost& m) const {
  const auto factor = static_cast<std::size_t>(vision_.preprocess().layout.factor());
  return m.tokens * factor * factor;
}

vlmt::ImageInfo CostReader::header(const programs::MediaSource& source) const {
  if (!has_vision_) throw vlmt::InputError("the model was loaded without --mmproj, which images need");
  const auto mapped = source.bytes == nullptr ? vlmt::MappedFile::open(source.name) : nullptr;
  const auto bytes = mapped == nullptr ? std::span<const std::byte>(*source.bytes) : mapped->bytes();
  const vlmt::ImageInfo info = vlmt::probe_image(bytes, source.name);
  vlmt::detail::check_pixels(source.name, static_cast<std::uint64_t>(info.width),
                             static_cast<std::uint64_t>(info.height), options_.images);
  return info;
}

MediaCost CostReader::cost(const std::string& name, int frames, const vlmt::ImageInfo& info,
                           const vlmt::PatchGrid& grid) const {
  const vlmt::PatchLayout& layout = vision_.preprocess().layout;
  return {
      name, frames, info.width, info.height, grid.w * layout.patch, grid.h * layout.patch, grid.tokens(layout.merge)};
}
