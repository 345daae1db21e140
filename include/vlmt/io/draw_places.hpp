// Draws boxes and points with their labels on an image.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/io/bitmap_font.hpp"
#include "vlmt/io/draw.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/text/places/place.hpp"

VLMT_BEGIN_NAMESPACE

/// A box, or a point at rect.x1, rect.y1, with its label in UTF-8.
struct DrawnPlace {
  PixelRect rect;
  bool point = false;
  std::string label;
};

/// More than these would hide the image.
inline constexpr std::size_t max_drawn_places = 1'000;

/// Draws the first max_drawn_places places, then their labels above the boxes and beside the points. Lines and letters
/// grow with the shorter side of the image. Places with the same label have the same colour; lines have a black border,
/// so that they show on any ground. Long labels end with "..".
///
/// A label with characters that the font does not have (font::glyphs()) is drawn as the number of the place, "#1" for
/// places[0]. Returns the indices of these places. Throws InputError if the bytes of the image do not match its size.
std::vector<std::size_t> draw_places(Image& image, std::span<const DrawnPlace> places);

#if VLMT_HAS_BODIES

namespace detail {

inline constexpr std::array<Colour, 8> place_colours = {{{230, 25, 45},
                                                         {0, 105, 230},
                                                         {20, 150, 60},
                                                         {245, 130, 0},
                                                         {145, 50, 200},
                                                         {0, 170, 190},
                                                         {235, 70, 165},
                                                         {190, 180, 0}}};

/// Sizes in pixels that follow from the image.
struct PlaceSizes {
  explicit PlaceSizes(const Image& image) {
    const std::int64_t side = std::min(image.width, image.height);
    line = std::max<std::int64_t>(side / 200, 1);
    scale = std::max<std::int64_t>(side / 300, 1);
    border = std::max<std::int64_t>(line / 3, 1);
    radius = 2 * line + 1;
  }
  std::int64_t line, scale, border, radius;

  std::int64_t outside() const { return line / 2; }
};

inline void draw_place(Image& image, const DrawnPlace& place, const PlaceSizes& s, Colour colour) {
  const PixelRect& r = place.rect;
  if (place.point) {
    fill_disc(image, r.x1, r.y1, s.radius + s.border, {0, 0, 0});
    fill_disc(image, r.x1, r.y1, s.radius, colour);
    return;
  }
  const std::int64_t outside = s.outside(), inside = s.line - outside;
  draw_frame(image, r.x1, r.y1, r.x2, r.y2, outside + s.border, inside + s.border, {0, 0, 0});
  draw_frame(image, r.x1, r.y1, r.x2, r.y2, outside, inside, colour);
}

inline void draw_label(Image& image, const DrawnPlace& place, std::string glyphs, const PlaceSizes& s, Colour colour) {
  constexpr std::size_t most_glyphs = 60;
  const std::int64_t room = (image.width - s.scale) / (font::advance * s.scale);
  const std::size_t most = std::min(most_glyphs, static_cast<std::size_t>(std::max<std::int64_t>(room, 0)));
  if (glyphs.size() > most) glyphs = glyphs.substr(0, most - std::min<std::size_t>(most, 2)) + "..";
  const std::int64_t width = static_cast<std::int64_t>(glyphs.size()) * font::advance * s.scale + s.scale;
  const std::int64_t height = (font::height + 2) * s.scale;
  const PixelRect& r = place.rect;
  std::int64_t x = r.x1 - s.outside(), y = r.y1 - s.outside() - s.border - height;
  if (place.point) {
    const std::int64_t away = s.radius + s.border + s.scale;
    x = r.x1 + away + width <= image.width ? r.x1 + away : r.x1 - away - width;
    y = r.y1 - height / 2;
  } else if (y < 0) {
    y = r.y1 + s.line + s.border;  // no room above: inside
  }
  x = std::clamp<std::int64_t>(x, 0, std::max<std::int64_t>(image.width - width, 0));
  y = std::clamp<std::int64_t>(y, 0, std::max<std::int64_t>(image.height - height, 0));
  fill_rect(image, x, y, x + width, y + height, colour);
  draw_glyphs(image, x + s.scale, y + s.scale, s.scale, glyphs, readable_on(colour));
}

}  // namespace detail

VLMT_BODY std::vector<std::size_t> draw_places(Image& image, std::span<const DrawnPlace> places) {
  if (image.width < 1 || image.height < 1 ||
      image.rgb.size() !=
          std::size_t{3} * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height)) {
    throw InputError("the bytes of the image do not match its size", {.field = "image"});
  }
  places = places.first(std::min(places.size(), max_drawn_places));
  const detail::PlaceSizes sizes(image);
  std::vector<std::string_view> labels;  // in the order of their colours
  std::vector<Colour> colours;
  for (const DrawnPlace& place : places) {
    const auto known = std::find(labels.begin(), labels.end(), place.label);
    const auto index = static_cast<std::size_t>(known - labels.begin());
    if (known == labels.end()) labels.push_back(place.label);
    colours.push_back(detail::place_colours[index % detail::place_colours.size()]);
    detail::draw_place(image, place, sizes, colours.back());
  }
  std::vector<std::size_t> numbered;
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::string glyphs = font::glyphs(places[i].label);
    if (glyphs.empty()) continue;
    if (glyphs.find(font::missing) != std::string::npos) {
      glyphs = "#" + std::to_string(i + 1);
      numbered.push_back(i);
    }
    detail::draw_label(image, places[i], std::move(glyphs), sizes, colours[i]);
  }
  return numbered;
}

#endif

VLMT_END_NAMESPACE
