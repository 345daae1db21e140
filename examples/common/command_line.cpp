// See command_line.hpp.
#include "command_line.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string_view>

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
    return app.exit(request);
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "%s: %s (--help lists all options)\n", app.get_name().c_str(), error.what());
    return 2;
  }
  return std::nullopt;
}

std::string expand_units(std::string text) {
  std::string unit;
  while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.back())) != 0) {
    unit.insert(unit.begin(), static_cast<char>(std::toupper(static_cast<unsigned char>(text.back()))));
    text.pop_back();
  }
  std::uint64_t factor = 1;
  if (unit == "K" || unit == "KB" || unit == "KIB") factor = std::uint64_t{1} << 10;
  if (unit == "M" || unit == "MB" || unit == "MIB") factor = std::uint64_t{1} << 20;
  if (unit == "G" || unit == "GB" || unit == "GIB") factor = std::uint64_t{1} << 30;
  if (unit == "MP") factor = 1'000'000;
  std::size_t read = 0;
  double number = -1.0;
  try {
    number = std::stod(text, &read);
  } catch (const std::exception&) {
  }
  const double value = number * static_cast<double>(factor);
  if (read != text.size() || (factor == 1 && !unit.empty()) || !(value >= 0.0 && value < 1e18)) {
    throw CLI::ValidationError("'" + text + unit + "' is not a number with an optional unit K, M, G or MP");
  }
  return std::to_string(static_cast<std::uint64_t>(value));
}

}  // namespace programs
