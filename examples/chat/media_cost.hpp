// Images and videos of the command line: their files, and their cost from the files' headers alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/media_source.hpp"
#include "model.hpp"
#include "report.hpp"

/// The files of a folder, sorted by name.
std::vector<std::string> frame_files(const std::string& folder);

vlmt::Video video_of(const std::string& folder, double fps);

/// Computes what images will cost, from their headers alone.
class CostReader {
 public:
  CostReader(const Model& model, const vlmt::SessionOptions& options);

  MediaCost image(const programs::MediaSource& source) const;
  MediaCost video(const std::string& folder) const;
  /// Pixels after resizing, those of all slices of a video together.
  std::size_t pixels(const MediaCost& m) const;

 private:
  vlmt::ImageInfo header(const programs::MediaSource& source) const;
  MediaCost cost(const std::string& name, int frames, const vlmt::ImageInfo& info, const vlmt::PatchGrid& grid) const;

  vlmt::OmpTeam team_;
  vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision_;
  vlmt::SessionOptions options_;
  bool has_vision_ = false;
};
