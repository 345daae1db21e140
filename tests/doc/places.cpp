// Example of docs/places.md.
#include <cstdio>

#include <vlmt/io/load_image.hpp>
#include <vlmt/runtime/session.hpp>
#include <vlmt/text/places/find_places.hpp>
#include <vlmt/text/places/place.hpp>

void print_places(const vlmt::Reply& reply, const vlmt::Image& image) {
  const vlmt::FoundPlaces found = vlmt::find_places(reply.text);
  for (const vlmt::Place& place : found.places) {
    const vlmt::PixelPlace p = vlmt::to_pixels(place, {}, image.original_width, image.original_height);
    // p.rect: pixels [x1, x2) x [y1, y2); p.clamped, p.swapped: what had to be mended
    std::printf("%s: %d, %d to %d, %d%s\n", place.label.c_str(), p.rect.x1, p.rect.y1, p.rect.x2, p.rect.y2,
                p.clamped ? ", clamped" : "");
  }
}
