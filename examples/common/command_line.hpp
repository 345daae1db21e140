// Shared parts of the programs' command lines. command_line.cpp compiles the long parts of CLI11 once.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace programs {

/// A command line for a program of this name, with --help and --version.
std::unique_ptr<CLI::App> make_command_line(const std::string& about, const std::string& name);

/// A former name of an option: accepted, but not in the help text.
struct OptionAlias {
  const char* old_name;
  const char* name;
};

/// Parses a command line. Options of other programs are understood, or told what helps (foreign_options.hpp). Returns
/// the exit code if the program should exit now: 0 after --help or --version, 2 after it has printed an error.
std::optional<int> parse(CLI::App& app, int argc, char** argv, std::initializer_list<OptionAlias> aliases = {});

/// Bounds of a number, both included.
struct Whole {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const char* minus_one = nullptr;  ///< what -1 means, if it is accepted: other programs use it for "no limit"
};
struct Real {
  double least = 0.0;
  double most = 1.0;
  bool above = false;  ///< `least` itself is refused
};

/// Checks of numbers, in decimal. A wrong one is an error that names the option, the text and the bounds.
CLI::Validator whole_number(Whole bounds);
CLI::Validator real_number(Real bounds);
/// Whole numbers with an optional unit, as bytes and pixels have: K, M, G and T are powers of 1024, MP is 10^6.
CLI::Validator scaled_number(Whole bounds);

// The only ways to add an option with a number. `value` may be an std::optional or an std::vector of its type.

template <class T>
CLI::Option* add_count(CLI::App& app, const std::string& names, T& value, Whole bounds, const std::string& about) {
  return app.add_option(names, value, about)->transform(whole_number(bounds));
}
template <class T>
CLI::Option* add_real(CLI::App& app, const std::string& names, T& value, Real bounds, const std::string& about) {
  return app.add_option(names, value, about)->transform(real_number(bounds));
}
template <class T>
CLI::Option* add_scaled(CLI::App& app, const std::string& names, T& value, Whole bounds, const std::string& about) {
  return app.add_option(names, value, about)->transform(scaled_number(bounds));
}

// Bounds that the programs share.
inline constexpr Whole thread_bounds{0, 1024};                     ///< 0: all processors
inline constexpr Whole context_bounds{0, std::uint64_t{1} << 31};  ///< 0: chosen for the model and the inputs
inline constexpr Whole chunk_bounds{1, 4096};                      ///< of the runner
inline constexpr Whole pixel_bounds{1, std::uint64_t{1} << 40};

/// Width and height of an image.
struct ImageSize {
  int width = 0;
  int height = 0;
};
/// Adds an option for one or, comma-separated, several sizes such as 1024x768.
CLI::Option* add_image_sizes(CLI::App& app, const std::string& names, std::vector<ImageSize>& sizes,
                             const std::string& about);

/// Adds the options of the packed weight cache.
inline void add_packed_cache(CLI::App& app, std::string& folder, bool& verify, const std::string& group = "OPTIONS") {
  CLI::Option* cache = app.add_option("--packed-cache", folder,
                                      "Folder for packed weights: written by the first load, mapped by later ones")
                           ->group(group);
  app.add_flag("--verify-packed-cache", verify, "Verify the checksum of cached weights, which reads the whole file")
      ->group(group)
      ->needs(cache);
}

}  // namespace programs
