// What the user of vlmt-eval asked for, as plain data.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "answering.hpp"
#include "configuration.hpp"

struct Arguments {
  std::string set;  ///< file or folder; empty: the bundled samples
  std::vector<std::string> models;
  std::vector<std::string> mmprojs;
  std::vector<std::string> tasks;  ///< empty: all
  std::size_t limit = 0;           ///< items of a task; 0: all
  bool compare = false;            ///< the usual lists for the settings that are not given
  eval::Matrix matrix;             ///< without models
  eval::AnsweringOptions answering;
  std::string out;                  ///< folder of answers and reports; none if empty
  std::string format = "markdown";  ///< on standard output
  bool list = false;                ///< only tell what would be run
};

/// Parses the command line. Returns the exit code if the program is to end at once.
std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments);
