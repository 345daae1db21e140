// Ends a text stream at the first stop string; holds back text that may be the start of one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// push() takes text and returns the text that is certain to precede any stop string. The stop string that ends first
/// wins; of several that end together, the longest. The result does not depend on how the text is split into pushes.
class StopMatcher {
 public:
  static constexpr std::size_t max_stops = 16;
  static constexpr std::size_t max_stop_bytes = 1024;

  /// Without stop strings all text passes. Throws InputError for a stop string that is empty or not UTF-8, LimitError
  /// for more than max_stops or one longer than max_stop_bytes.
  explicit StopMatcher(std::vector<std::string> stops = {}) : stops_(std::move(stops)) {
    const auto site = [](std::string expected, std::string found) {
      return ErrorSite{
          .file = {}, .offset = {}, .field = "stop", .expected = std::move(expected), .found = std::move(found)};
    };
    if (stops_.size() > max_stops) {
      throw LimitError("too many stop strings",
                       site("at most " + std::to_string(max_stops), std::to_string(stops_.size())));
    }
    for (const std::string& stop : stops_) {
      if (stop.empty()) throw InputError("empty stop string", site({}, {}));
      if (!is_valid_utf8(stop)) throw InputError("stop string is not UTF-8", site({}, {}));
      if (stop.size() > max_stop_bytes) {
        throw LimitError("stop string is too long",
                         site("at most " + std::to_string(max_stop_bytes) + " bytes", std::to_string(stop.size())));
      }
      longest_ = std::max(longest_, stop.size());
    }
  }

  /// Text that is now safe to output; empty once a stop string was found.
  std::string push(std::string_view text) {
    if (stopped_) return {};
    held_ += text;
    std::size_t end = std::string::npos, begin = std::string::npos;
    for (const std::string& stop : stops_) {
      const std::size_t at = held_.find(stop);
      if (at == std::string::npos) continue;
      if (at + stop.size() < end || (at + stop.size() == end && at < begin)) {
        begin = at;
        end = at + stop.size();
      }
    }
    if (end != std::string::npos) {
      stopped_ = true;
      matched_ = held_.substr(begin, end - begin);
      return take(begin);
    }
    return take(first_possible_stop());
  }

  /// Ends the stream: returns the text still held back; empty if a stop string was found.
  std::string finish() { return stopped_ ? std::string() : take(held_.size()); }

  /// True after a stop string was found.
  bool stopped() const noexcept { return stopped_; }

  /// The stop string found; empty until then.
  const std::string& matched() const noexcept { return matched_; }

 private:
  // Start of the longest suffix of `held_` that is a prefix of a stop string; held_.size() if none.
  std::size_t first_possible_stop() const noexcept {
    const std::string_view held = held_;
    for (std::size_t at = held.size() - std::min(held.size(), longest_); at < held.size(); ++at) {
      const std::string_view suffix = held.substr(at);
      for (const std::string& stop : stops_) {
        if (std::string_view(stop).starts_with(suffix)) return at;
      }
    }
    return held.size();
  }

  std::string take(std::size_t bytes) {
    std::string out = held_.substr(0, bytes);
    held_.erase(0, stopped_ ? held_.size() : bytes);
    return out;
  }

  std::vector<std::string> stops_;
  std::size_t longest_ = 0;
  std::string held_, matched_;
  bool stopped_ = false;
};

VLMT_END_NAMESPACE
