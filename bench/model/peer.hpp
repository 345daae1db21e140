// Another program's benchmark, run between our own runs.
#pragma once

#include <optional>
#include <string>

#include "measurement.hpp"

/// A command line with places for what is to be measured.
class Peer {
 public:
  /// `text` and `vision` may be empty: then such cases have no peer.
  Peer(std::string text, std::string vision, std::string model, std::string mmproj);

  bool measures(const Case& c) const;
  /// Tokens or pictures a second. Throws std::runtime_error with what the command printed if it fails or prints no
  /// figure. `picture` is the file to encode.
  double run(const Case& c, const std::string& picture);
  /// As the peer tells it; empty before the first run.
  const std::string& version() const noexcept { return version_; }

 private:
  std::string text_;
  bool depth_option_ = false;  ///< a depth is passed as the option -d
  std::string vision_;
  std::string model_;
  std::string mmproj_;
  std::string version_;
};
