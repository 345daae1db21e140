// A message of the user from text, image files and folders with the frames of videos.
#pragma once

#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/media_source.hpp"

/// The frames in a folder, in order. `files.on_note` is told what is odd about them.
vlmt::Video video_of(const std::string& folder, double fps, const vlmt::ImageOptions& files);

/// Images, then videos, then the text. Opens no image.
vlmt::ChatMessage user_message(const std::string& text, const std::vector<programs::MediaSource>& images,
                               const std::vector<programs::MediaSource>& videos, double fps,
                               const vlmt::ImageOptions& files);

/// All files that are read for these images and videos.
std::vector<std::string> files_of(const std::vector<programs::MediaSource>& images,
                                  const std::vector<programs::MediaSource>& videos);

/// What messages call the images and videos of user_message(), in its order.
std::vector<std::string> names_of(const std::vector<programs::MediaSource>& images,
                                  const std::vector<programs::MediaSource>& videos);
