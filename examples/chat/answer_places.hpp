// The boxes, points and GUI actions of an answer: on which image they are, as JSON, and drawn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <vlmt/io/image.hpp>
#include <vlmt/text/places/find_actions.hpp>
#include <vlmt/text/places/place.hpp>

#include "../common/media_source.hpp"

/// What the coordinates of answers mean.
enum class Coordinates : std::uint8_t {
  relative,  ///< 0 to 1000 (mobile_use: 999), as Qwen3-VL answers
  resized    ///< pixels of the resized image
};

/// An image that the model has seen.
struct ShownImage {
  programs::MediaSource source;
  int width = 0;  ///< upright, in pixels
  int height = 0;
  int resized_width = 0;
  int resized_height = 0;
  int orientation = 1;  ///< of the file, as in EXIF
};

/// A place of an answer on one of its images.
struct PlaceOnImage {
  vlmt::Place place;
  vlmt::PixelPlace pixels;
  vlmt::PixelRect stored;  ///< the same in the file's own order of pixels
  bool turned = false;     ///< these differ
  std::size_t image = 0;   ///< index
};

struct AnswerPlaces {
  std::vector<PlaceOnImage> places;
  std::vector<vlmt::GuiCall> actions;  ///< on the last image
  std::vector<std::string> notes;      ///< what could not be read or was mended, a line each
};

/// What an answer about these images has. A place is on the image that it names by its number, else on the last.
AnswerPlaces places_of(const std::string& answer, std::span<const ShownImage> images, Coordinates coordinates);

/// A list of places with their coordinates in the answer and in pixels.
nlohmann::ordered_json places_json(const AnswerPlaces& found);
/// The same for actions.
nlohmann::ordered_json actions_json(const AnswerPlaces& found);

/// Draws places and the points of actions on the original image and writes it as a PNG file; nothing if there are none.
/// If several images have places, draws on that of the first. Returns what the user should know, a line each. Throws
/// vlmt::Error if the image cannot be read or the file cannot be written.
std::vector<std::string> draw_answer(const AnswerPlaces& found, std::span<const ShownImage> images,
                                     const std::string& path, const vlmt::ImageOptions& options);
