// A peer: another program's benchmark, run after each of our own runs.
#pragma once

#include <string>

#include "measurement.hpp"

/// Command lines with placeholders for the parameters of a case.
class Peer {
 public:
  /// `text` and `vision` are the command lines for text and image cases; if one is empty, these cases have no peer.
  Peer(std::string text, std::string vision, std::string model, std::string mmproj);

  /// True if run() supports this case.
  bool measures(const Case& c) const;
  /// Runs the peer once; returns tokens or images per second. `image` is the file to encode. Throws std::runtime_error
  /// if the command fails, with the last 500 characters of its output, or prints no rate.
  double run(const Case& c, const std::string& image);
  /// The version that the peer printed; empty before its first text run.
  const std::string& version() const noexcept { return version_; }

 private:
  std::string text_;
  bool depth_option_ = false;  ///< pass the depth as -d
  std::string vision_;
  std::string model_;
  std::string mmproj_;
  std::string version_;
};
