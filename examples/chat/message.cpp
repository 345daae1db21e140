// See message.hpp.
#include "message.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/io/frame_folder.hpp>
#include <vlmt/vlmt.hpp>

vlmt::Video video_of(const std::string& folder, double fps, const vlmt::ImageOptions& files) {
  const vlmt::FrameFolder found = vlmt::list_frames(folder);
  for (const std::string& note : found.notes) {
    if (files.on_note) files.on_note(folder, note);
  }
  std::vector<vlmt::ImageSource> frames;
  for (const std::string& file : found.files) frames.push_back(vlmt::image(std::filesystem::path(file)));
  return vlmt::video(std::move(frames), fps);
}

vlmt::ChatMessage user_message(const std::string& text, const std::vector<programs::MediaSource>& images,
                               const std::vector<programs::MediaSource>& videos, double fps,
                               const vlmt::ImageOptions& files) {
  vlmt::ChatMessage message;
  for (const programs::MediaSource& image : images) message.parts.emplace_back(image.image());
  for (const programs::MediaSource& folder : videos) message.parts.emplace_back(video_of(folder.name, fps, files));
  message.parts.emplace_back(text);
  return message;
}

std::vector<std::string> files_of(const std::vector<programs::MediaSource>& images,
                                  const std::vector<programs::MediaSource>& videos) {
  std::vector<std::string> files;
  for (const programs::MediaSource& image : images) files.push_back(image.name);
  for (const programs::MediaSource& folder : videos) {
    const std::vector<std::string> frames = vlmt::list_frames(folder.name).files;
    files.insert(files.end(), frames.begin(), frames.end());
  }
  return files;
}

std::vector<std::string> names_of(const std::vector<programs::MediaSource>& images,
                                  const std::vector<programs::MediaSource>& videos) {
  std::vector<std::string> names;
  for (const auto* list : {&images, &videos}) {
    for (const programs::MediaSource& source : *list) names.push_back(source.name);
  }
  return names;
}
