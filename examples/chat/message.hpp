// A message of the user from text, image files and folders with the frames of videos.
#pragma once

#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

/// The frames in a folder, in order. `files.on_note` is told what is odd about them.
vlmt::Video video_of(const std::string& folder, double fps, const vlmt::ImageOptions& files);

/// Images, then videos, then the text. Opens no image.
vlmt::ChatMessage user_message(const std::string& text, const std::vector<std::string>& images,
                               const std::vector<std::string>& videos, double fps, const vlmt::ImageOptions& files);
