// A message of the user from text, image files and folders with the frames of videos.
#pragma once

#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

/// The files of a folder, sorted by name.
std::vector<std::string> frame_files(const std::string& folder);

vlmt::Video video_of(const std::string& folder, double fps);

/// Images, then videos, then the text. Opens no image.
vlmt::ChatMessage user_message(const std::string& text, const std::vector<std::string>& images,
                               const std::vector<std::string>& videos, double fps);
