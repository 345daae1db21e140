// Converts a question of a task set to chat messages.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/runtime/media.hpp>
#include <vlmt/runtime/prompt.hpp>

#include "task_set.hpp"

namespace programs {

/// `image(file, frames)` returns the vlmt::ImageSource of a file; `frames` is the frame count of its video, 0 for
/// images.
template <class MakeImage>
std::vector<vlmt::ChatMessage> messages_of(const TaskItem& item, MakeImage&& image) {
  std::vector<vlmt::Part> parts;
  for (const TaskPart& part : item.content) {
    if (part.kind == TaskPart::Kind::text) {
      parts.emplace_back(part.text);
    } else if (part.kind == TaskPart::Kind::image) {
      parts.emplace_back(image(part.files[0], std::size_t{0}));
    } else {
      std::vector<vlmt::ImageSource> frames;
      for (const std::string& file : part.files) frames.push_back(image(file, part.files.size()));
      parts.emplace_back(vlmt::video(std::move(frames), part.fps));
    }
  }
  std::vector<vlmt::ChatMessage> messages;
  if (!item.system.empty()) messages.push_back(vlmt::ChatMessage::of(vlmt::Role::system, item.system));
  messages.push_back({vlmt::Role::user, std::move(parts)});
  return messages;
}
inline std::vector<vlmt::ChatMessage> messages_of(const TaskItem& item) {
  return messages_of(item,
                     [](const std::string& file, std::size_t) { return vlmt::image(std::filesystem::path(file)); });
}

}  // namespace programs
