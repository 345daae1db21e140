// See command_line.hpp.
#include "command_line.hpp"

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <exception>

namespace programs {

std::unique_ptr<CLI::App> make_command_line(const std::string& about, const std::string& name) {
  return std::make_unique<CLI::App>(about, name);
}

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
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
    throw CLI::ValidationError("'" + text + unit + "' is no number with a unit of K, M, G or MP");
  }
  return std::to_string(static_cast<std::uint64_t>(value));
}

}  // namespace programs
