// What the command lines of the programs have in common. The long parts of CLI11 are compiled once, in
// command_line.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

namespace programs {

/// A command line without options yet, for a program of this name.
std::unique_ptr<CLI::App> make_command_line(const std::string& about, const std::string& name);

/// Parses a command line; gives the exit code if the program is to end at once: 0 after --help, 2 after a line about
/// what was wrong.
std::optional<int> parse(CLI::App& app, int argc, char** argv);

/// A transform for options that count bytes or pixels: "512M" and "2G" are powers of 1024, "256MP" of 1000.
std::string expand_units(std::string text);

/// The options of programs that may keep packed weights.
inline void add_packed_cache(CLI::App& app, std::string& folder, bool& verify, const std::string& group = "OPTIONS") {
  CLI::Option* cache = app.add_option("--packed-cache", folder,
                                      "Folder to keep packed weights in: they are written once and mapped from then on")
                           ->group(group);
  app.add_flag("--verify-packed-cache", verify, "Compare the checksum of kept weights before they are used: reads all")
      ->group(group)
      ->needs(cache);
}

}  // namespace programs
