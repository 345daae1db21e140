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
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "foreign_options.hpp"
#include "output.hpp"
#include "version.hpp"

namespace programs {

std::unique_ptr<CLI::App> make_command_line(const std::string& about, const std::string& name) {
  auto app = std::make_unique<CLI::App>(about, name);
  app->set_version_flag("--version", version_line(name), "Print version, compiler and instruction set, then exit");
  return app;
}

namespace {

/// True if the option takes a value, so that the argument after it is none of the options.
bool takes_value(const CLI::Option* option) {
  return option != nullptr && option->get_items_expected_max() > 0;
}

/// Replaces former names and those of other programs by ours; drops what is ignored, with a line. Returns the exit code
/// if an option is refused.
std::optional<int> translate(const CLI::App& app, std::vector<std::string>& arguments,
                             std::initializer_list<OptionAlias> aliases) {
  std::vector<std::string> ours;
  const auto say = [&](std::string_view name, const char* what, std::string_view why) {
    std::fprintf(stderr, "%s: %s: %s%s\n", app.get_name().c_str(), std::string(name).c_str(), what,
                 std::string(why).c_str());
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {  // the rest is positional
      ours.insert(ours.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      break;
    }
    std::string name = argument.substr(0, argument.find('='));
    const bool has_value = name.size() != argument.size();
    for (const OptionAlias& alias : aliases) {
      if (name == alias.old_name) name = alias.name;
    }
    const auto foreign =
        name.starts_with('-') && app.get_option_no_throw(name) == nullptr ? find_foreign_option(name) : std::nullopt;
    if (foreign && foreign->kind == ForeignOption::Kind::alias) {
      if (app.get_option_no_throw(std::string(foreign->text)) != nullptr) name = foreign->text;
    } else if (foreign && foreign->kind == ForeignOption::Kind::refused) {
      say(name, "", foreign->text);
      return 2;
    } else if (foreign) {
      say(name, "ignored: ", foreign->text);
      const std::string next = i + 1 < arguments.size() ? arguments[i + 1] : "";
      const bool is_switch = next == "on" || next == "off" || next == "auto" || next == "0" || next == "1";
      const bool value = foreign->kind == ForeignOption::Kind::ignored_value ||
                         (foreign->kind == ForeignOption::Kind::ignored_optional && is_switch);
      if (value && !has_value) ++i;
      continue;
    }
    ours.push_back(name + argument.substr(std::min(argument.find('='), argument.size())));
    if (name.starts_with('-') && !has_value && takes_value(app.get_option_no_throw(name)) && i + 1 < arguments.size()) {
      ours.push_back(arguments[++i]);
    }
  }
  arguments = std::move(ours);
  return std::nullopt;
}

}  // namespace

std::optional<int> parse(CLI::App& app, int argc, char** argv, std::initializer_list<OptionAlias> aliases) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (const auto code = translate(app, arguments, aliases)) return code;
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
