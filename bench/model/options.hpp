// What the user of vlmt-bench asked for, as plain data.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct Options {
  std::string model;
  std::string mmproj;
  std::vector<std::size_t> threads;
  std::vector<std::size_t> prompts = {256};
  std::size_t tokens = 32;  ///< generated in one run of a decode case; 0: no decode cases
  std::vector<std::size_t> depths = {0};
  std::vector<std::size_t> batches = {1};
  std::vector<std::pair<int, int>> pictures;  ///< width, height
  std::size_t runs = 7;
  std::size_t limit_mib = 0;  ///< memory that the read limit passes over; 0: as much as is meaningful
  bool exact = false;
  std::string kv_format;
  std::string packed_cache;  ///< folder; empty: packed weights are not kept
  bool verify_packed_cache = false;
  bool article = false;
  std::string format = "md";
  std::string output;    ///< file; standard output if empty
  std::string baseline;  ///< JSON of an earlier run
  std::string against;   ///< command line of a peer's bench
  std::string against_vision;
  bool profile = false;
  std::string trace;  ///< file for the profile as a Chrome trace
};

/// Parses the command line. Returns the exit code if the program is to end at once.
std::optional<int> parse_options(int argc, char** argv, Options& options);
