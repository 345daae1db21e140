// The parsed command line of vlmt-eval.
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
  std::size_t limit = 0;           ///< maximum items per task; 0: all
  bool compare = false;            ///< use the default list of every setting that is not given
  eval::Matrix matrix;             ///< `models` is filled in by main
  eval::AnsweringOptions answering;
  std::string out;                  ///< folder for answers and reports; empty: none
  std::string format = "markdown";  ///< of standard output
  bool list = false;                ///< print the configurations and exit
};

/// Parses the command line. Returns an exit code if the program should exit now.
std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments);
