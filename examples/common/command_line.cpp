// See command_line.hpp.
#include "command_line.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <sstream>
#include <string_view>
#include <system_error>

#include "output.hpp"

namespace programs {

std::unique_ptr<CLI::App> make_command_line(const std::string& about, const std::string& name) {
  return std::make_unique<CLI::App>(about, name);
}

std::optional<int> parse(CLI::App& app, int argc, char** argv, std::initializer_list<OptionAlias> aliases) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (std::string& argument : arguments) {
    if (argument == "--") break;  // the rest is positional
    const std::string_view name = std::string_view(argument).substr(0, argument.find('='));
    for (const OptionAlias& alias : aliases) {
      if (name == alias.old_name) {
        argument.replace(0, name.size(), alias.name);
        break;
      }
    }
  }
  std::reverse(arguments.begin(), arguments.end());  // CLI11 expects a reversed vector
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& request) {
    std::ostringstream text, errors;
    const int code = app.exit(request, text, errors);
    write(text.str());
    return code;
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "%s: %s (--help lists all options)\n", app.get_name().c_str(), error.what());
    return 2;
  }
  return std::nullopt;
}

namespace {

std::string shown(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", x);
  return text;
}

std::string refusal(const std::string& text, const std::string& expected) {
  return "expected " + expected + ", found '" + text + "'";
}

std::string range(Whole b) {
  if (b.most == std::numeric_limits<std::uint64_t>::max()) return "from " + std::to_string(b.least);
  return "from " + std::to_string(b.least) + " to " + std::to_string(b.most);
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number times its unit; nothing if it is none or too large.
std::optional<std::uint64_t> scaled(std::string_view text) {
  std::size_t digits = text.size();
  while (digits != 0 && std::isalpha(static_cast<unsigned char>(text[digits - 1])) != 0) --digits;
  std::string unit(text.substr(digits));
  for (char& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  text = text.substr(0, digits);
  std::uint64_t factor = 0;
  if (unit.empty()) factor = 1;
  if (unit == "MP") factor = 1'000'000;
  constexpr std::string_view powers = "KMGT";
  for (std::size_t i = 0; i < powers.size(); ++i) {
    const std::string name(1, powers[i]);
    if (unit == name || unit == name + "B" || unit == name + "IB") factor = std::uint64_t{1} << (10 * (i + 1));
  }
  if (factor == 0) return std::nullopt;
  if (const auto whole = number<std::uint64_t>(text)) {
    if (*whole > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
    return *whole * factor;
  }
  const auto real = number<double>(text);
  const double product = real.value_or(-1.0) * static_cast<double>(factor);
  if (!(product >= 0.0 && product < 0x1p63)) return std::nullopt;
  return static_cast<std::uint64_t>(product);
}

std::optional<ImageSize> image_size(std::string_view text) {
  const std::size_t x = text.find('x');
  if (x == std::string_view::npos) return std::nullopt;
  const auto width = number<std::uint16_t>(text.substr(0, x)), height = number<std::uint16_t>(text.substr(x + 1));
  if (width.value_or(0) == 0 || height.value_or(0) == 0) return std::nullopt;
  return ImageSize{*width, *height};
}

/// Replaces the text by `value` if that is within the bounds; else returns the refusal.
std::string take(std::string& text, std::optional<std::uint64_t> value, Whole bounds, const std::string& expected) {
  if (!value || *value < bounds.least || *value > bounds.most) return refusal(text, expected);
  text = std::to_string(*value);
  return {};
}

}  // namespace

CLI::Validator whole_number(Whole bounds) {
  return CLI::Validator(
      [bounds](std::string& text) {
        if (bounds.minus_one != nullptr && text == "-1") text = bounds.minus_one;
        return take(text, number<std::uint64_t>(text), bounds, "a whole number " + range(bounds));
      },
      "");
}

CLI::Validator scaled_number(Whole bounds) {
  return CLI::Validator(
      [bounds](std::string& text) {
        return take(text, scaled(text), bounds,
                    "a number " + range(bounds) + ", with or without a unit K, M, G, T or MP");
      },
      "");
}

CLI::Validator real_number(Real b) {
  return CLI::Validator(
      [b](std::string& text) {
        const auto value = number<double>(text);
        // A comparison with NaN is false.
        if (value && (b.above ? *value > b.least : *value >= b.least) && *value <= b.most) return std::string();
        return refusal(text, b.above ? "a number above " + shown(b.least) + ", up to " + shown(b.most)
                                     : "a number from " + shown(b.least) + " to " + shown(b.most));
      },
      "");
}

CLI::Option* add_image_sizes(CLI::App& app, const std::string& names, std::vector<ImageSize>& sizes,
                             const std::string& about) {
  const auto add = [&sizes](const CLI::results_t& texts) {
    for (const std::string& text : texts) sizes.push_back(*image_size(text));
    return true;
  };
  return app.add_option(names, add, about)
      ->type_name("WxH")
      ->delimiter(',')
      ->expected(-1)
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        return image_size(text) ? std::string() : refusal(text, "a size such as 1024x768, sides from 1 to 65535");
      });
}

}  // namespace programs
