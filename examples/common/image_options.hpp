// Options on reading images that programs share.
#pragma once

#include <string>

#include <vlmt/io/image.hpp>

namespace CLI {
class App;
}

namespace programs {

/// Adds --background and --strict-images.
void add_image_options(CLI::App& app, vlmt::ImageOptions& images, const std::string& group);

}  // namespace programs
