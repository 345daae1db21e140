// The options of vlmt-chat, as plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <vlmt/io/image.hpp>
#include <vlmt/text/reasoning.hpp>

#include "../common/grammar_options.hpp"
#include "answer_places.hpp"

struct Arguments {
  std::string model;
  std::string mmproj;
  bool no_mmproj = false;  ///< do not use the vision encoder beside the model
  std::string prompt;
  bool has_prompt = false;
  bool interactive = false;
  bool history = true;   ///< keep the lines of an interactive conversation in a file
  bool samples = false;  ///< answer questions about the bundled images, then exit
  std::vector<std::string> images;
  std::vector<std::string> frames;  ///< folders, each with the frames of a video
  double fps = 2.0;                 ///< of all videos
  std::string system;

  bool greedy = false;
  float temperature = 0.7f;
  int top_k = 20;
  float top_p = 0.8f;
  float min_p = 0.0f;
  float repetition = 1.0f;
  float presence = 0.0f;
  float frequency = 0.0f;
  std::uint64_t seed = 0;  ///< drawn by parse_arguments() if it was not given
  std::size_t max_tokens = 1024;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  programs::GrammarOptions grammar;
  vlmt::Thinking thinking = vlmt::Thinking::automatic;
  bool hide_thinking = false;

  std::size_t context = 0;  ///< 0: chosen
  std::size_t chunk = 256;
  std::size_t threads = 0;
  std::string key_format;
  std::string value_format;
  bool exact = false;
  std::optional<std::uint64_t> min_pixels;
  std::optional<std::uint64_t> max_pixels;
  std::optional<std::uint64_t> min_image_tokens;
  std::optional<std::uint64_t> max_image_tokens;
  bool exact_images = false;       ///< refuse instead of shrinking to room or time
  vlmt::ImageOptions image_files;  ///< the background, strictness and most pixels of image files
  std::optional<std::uint64_t> memory_limit;
  std::string packed_cache;  ///< folder; empty: packed weights are not kept
  bool verify_packed_cache = false;

  bool stats = false;
  bool json = false;
  bool dry_run = false;
  std::string draw;  ///< PNG file for the places of answers; empty: none
  Coordinates coordinates = Coordinates::relative;
};

/// Parses the command line. Returns the exit code if the program should exit now.
std::optional<int> parse_arguments(int argc, char** argv, Arguments& arguments);
