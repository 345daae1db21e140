// Draws on images: filled rectangles and discs, frames, text. What is outside of the image is left out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bitmap_font.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

struct Colour {
  std::uint8_t r = 0;
  std::uint8_t g = 0;
  std::uint8_t b = 0;
  friend constexpr bool operator==(const Colour&, const Colour&) = default;
};

/// Black or white, whichever is easier to read on the colour.
constexpr Colour readable_on(Colour c) noexcept {
  return 299 * c.r + 587 * c.g + 114 * c.b > 140'000 ? Colour{0, 0, 0} : Colour{255, 255, 255};
}

/// Fills pixels [x1, x2) x [y1, y2).
inline void fill_rect(Image& image, std::int64_t x1, std::int64_t y1, std::int64_t x2, std::int64_t y2, Colour c) {
  x1 = std::max<std::int64_t>(x1, 0);
  y1 = std::max<std::int64_t>(y1, 0);
  x2 = std::min<std::int64_t>(x2, image.width);
  y2 = std::min<std::int64_t>(y2, image.height);
  for (std::int64_t y = y1; y < y2; ++y) {
    std::uint8_t* pixel = image.rgb.data() + 3 * (y * image.width + x1);
    for (std::int64_t x = x1; x < x2; ++x, pixel += 3) {
      pixel[0] = c.r;
      pixel[1] = c.g;
      pixel[2] = c.b;
    }
  }
}

/// Draws the outline of [x1, x2) x [y1, y2), from `outside` pixels outside of its edges to `inside` pixels inside.
inline void draw_frame(Image& image, std::int64_t x1, std::int64_t y1, std::int64_t x2, std::int64_t y2,
                       std::int64_t outside, std::int64_t inside, Colour c) {
  const std::int64_t left = std::min(x1 + inside, x2 + outside), right = std::max(x2 - inside, left);
  const std::int64_t top = std::min(y1 + inside, y2 + outside), bottom = std::max(y2 - inside, top);
  fill_rect(image, x1 - outside, y1 - outside, x2 + outside, top, c);
  fill_rect(image, x1 - outside, bottom, x2 + outside, y2 + outside, c);
  fill_rect(image, x1 - outside, top, left, bottom, c);
  fill_rect(image, right, top, x2 + outside, bottom, c);
}

/// Fills the pixels whose centre is at most radius + 1/2 away from the centre of pixel (x, y).
inline void fill_disc(Image& image, std::int64_t x, std::int64_t y, std::int64_t radius, Colour c) {
  const double reach = static_cast<double>(radius) + 0.5;
  for (std::int64_t dy = -radius; dy <= radius; ++dy) {
    const auto dx = static_cast<std::int64_t>(std::sqrt(reach * reach - static_cast<double>(dy * dy)));
    fill_rect(image, x - dx, y + dy, x + dx + 1, y + dy + 1, c);
  }
}

/// Draws glyphs (font::glyphs()) with dots of scale x scale pixels, from the upper left corner (x, y).
inline void draw_glyphs(Image& image, std::int64_t x, std::int64_t y, std::int64_t scale, std::string_view glyphs,
                        Colour c) {
  for (const char glyph : glyphs) {
    for (int row = 0; row < font::height; ++row) {
      for (int column = 0; column < font::width; ++column) {
        if (!font::dot(glyph, column, row)) continue;
        const std::int64_t left = x + column * scale, top = y + row * scale;
        fill_rect(image, left, top, left + scale, top + scale, c);
      }
    }
    x += font::advance * scale;
  }
}

VLMT_END_NAMESPACE
