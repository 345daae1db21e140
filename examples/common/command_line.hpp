// Shared parts of the programs' command lines. command_line.cpp compiles the long parts of CLI11 once.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace programs {

/// An empty command line for a program of this name.
std::unique_ptr<CLI::App> make_command_line(const std::string& about, const std::string& name);

/// A former name of an option: accepted, but not in the help text.
struct OptionAlias {
  const char* old_name;
  const char* name;
};

/// Parses a command line. Returns the exit code if the program should exit now: 0 after --help, 2 after it has printed
/// an error.
std::optional<int> parse(CLI::App& app, int argc, char** argv, std::initializer_list<OptionAlias> aliases = {});

/// A transform for options in bytes or pixels. K, M and G are powers of 1024; MP is 10^6. Throws CLI::ValidationError.
std::string expand_units(std::string text);

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
