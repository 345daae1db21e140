// See message.hpp.
#include "message.hpp"

#include <algorithm>
#include <filesystem>
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

vlmt::ChatMessage user_message(const std::string& text, const std::vector<std::string>& images,
                               const std::vector<std::string>& videos, double fps) {
  vlmt::ChatMessage message;
  for (const std::string& file : images) message.parts.emplace_back(vlmt::image(std::filesystem::path(file)));
  for (const std::string& folder : videos) message.parts.emplace_back(video_of(folder, fps));
  message.parts.emplace_back(text);
  return message;
}
