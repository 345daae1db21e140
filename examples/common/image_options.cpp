// See image_options.hpp.
#include "image_options.hpp"

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace programs {
namespace {

using Colour = std::array<std::uint8_t, 3>;

/// Throws CLI::ValidationError unless `text` is a name, #rgb or #rrggbb.
Colour parse_colour(const std::string& text) {
  struct Name {
    std::string_view name;
    Colour colour;
  };
  static constexpr Name names[] = {{"white", {255, 255, 255}}, {"black", {0, 0, 0}},     {"grey", {128, 128, 128}},
                                   {"gray", {128, 128, 128}},  {"red", {255, 0, 0}},     {"green", {0, 128, 0}},
                                   {"blue", {0, 0, 255}},      {"yellow", {255, 255, 0}}};
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Name& n : names) {
    if (n.name == lower) return n.colour;
  }
  const std::size_t digits = lower.empty() ? 0 : lower.size() - 1;
  if ((digits != 3 && digits != 6) || lower[0] != '#' ||
      lower.find_first_not_of("0123456789abcdef", 1) != std::string::npos) {
    throw CLI::ValidationError("--background",
                               "'" + text +
                                   "' is not a colour: expected white, black, grey, red, green, blue, yellow, "
                                   "#rgb or #rrggbb");
  }
  Colour colour{};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string pair = digits == 6 ? lower.substr(1 + 2 * i, 2) : std::string(2, lower[1 + i]);
    colour[i] = static_cast<std::uint8_t>(std::stoi(pair, nullptr, 16));
  }
  return colour;
}

}  // namespace

void add_image_options(CLI::App& app, vlmt::ImageOptions& images, const std::string& group) {
  app.add_option_function<std::string>(
         "--background", [&images](const std::string& text) { images.background = parse_colour(text); },
         "Colour under transparent images: a name such as white (default), black, grey, or #rrggbb")
      ->group(group);
  app.add_flag("--strict-images", images.strict, "Refuse damaged image files even if all of their pixels can be read")
      ->group(group);
}

}  // namespace programs
