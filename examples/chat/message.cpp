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

vlmt::ChatMessage user_message(const std::string& text, const std::vector<std::string>& images,
                               const std::vector<std::string>& videos, double fps, const vlmt::ImageOptions& files) {
  vlmt::ChatMessage message;
  for (const std::string& file : images) message.parts.emplace_back(vlmt::image(std::filesystem::path(file)));
  for (const std::string& folder : videos) message.parts.emplace_back(video_of(folder, fps, files));
  message.parts.emplace_back(text);
  return message;
}
