// Measured speeds of vision encoders, kept in a small text file of the user's cache folder: a line that names the form,
// then one line for each key: both speeds and the key.
//
// The file only saves time. A file that cannot be read, or holds something else, counts as empty; a file that cannot be
// written is left as it is. Neither is an error.
#pragma once

#include <optional>
#include <string>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "vlmt/exec/processors.hpp"
#include "vlmt/io/output_file.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// Operations per second of a vision encoder. Attention is apart: its products are float and its share grows with the
/// size of the image.
struct VisionSpeed {
  double linear = 0.0;
  double attention = 0.0;
};

/// $XDG_CACHE_HOME/vlmt/vision-speeds.txt, or the same in ~/.cache; empty if neither is set.
std::string vision_speed_file();

/// The speed kept under `key`, if any. Never throws for what a file holds.
std::optional<VisionSpeed> find_vision_speed(const std::string& file, const std::string& key);

/// Keeps a speed under `key`, beside the others. Does nothing if `file` is empty or cannot be written.
void keep_vision_speed(const std::string& file, const std::string& key, const VisionSpeed& speed);

/// The processor's name and the number of processors that this process may use: "Intel(R) Xeon(R) Processor x 2".
std::string processor_name();

#if VLMT_HAS_BODIES

namespace detail {

inline constexpr std::string_view speeds_form = "vlmt vision speeds 1";

/// A positive number before a space at the beginning of `line`, and both removed from it. Empty for anything else, and
/// for numbers that are no speed.
inline std::optional<double> take_speed(std::string_view& line) {
  double speed = 0.0;
  const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), speed);
  const auto n = static_cast<std::size_t>(end - line.data());
  if (problem != std::errc() || n == line.size() || line[n] != ' ') return std::nullopt;
  line.remove_prefix(n + 1);
  if (!(speed >= 1e3 && speed <= 1e18)) return std::nullopt;
  return speed;
}

/// All speeds of the file by key; none for a file with any other content.
inline std::vector<std::pair<std::string, VisionSpeed>> read_speeds(const std::string& file) {
  constexpr std::size_t most = std::size_t{1} << 20;
  std::error_code problem;
  if (file.empty() || !std::filesystem::is_regular_file(file, problem)) return {};
  std::ifstream in(file, std::ios::binary);
  std::string text(most, '\0');
  in.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
  std::vector<std::pair<std::string, VisionSpeed>> speeds;
  std::string_view rest = text;
  for (bool first = true; !rest.empty(); first = false) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (first) {
      if (line != speeds_form) return {};
      continue;
    }
    const auto linear = take_speed(line);
    const auto attention = linear ? take_speed(line) : std::nullopt;
    if (!attention) return {};
    speeds.emplace_back(line, VisionSpeed{*linear, *attention});
  }
  return speeds;
}

/// The shortest text that reads as the same number.
inline std::string speed_text(double speed) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, speed).ptr};
}

}  // namespace detail

VLMT_BODY std::string vision_speed_file() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/vlmt/vision-speeds.txt";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.cache/vlmt/vision-speeds.txt";
  return {};
}

VLMT_BODY std::optional<VisionSpeed> find_vision_speed(const std::string& file, const std::string& key) {
  for (const auto& [kept, speed] : detail::read_speeds(file)) {
    if (kept == key) return speed;
  }
  return std::nullopt;
}

VLMT_BODY void keep_vision_speed(const std::string& file, const std::string& key, const VisionSpeed& speed) {
  if (file.empty() || key.find('\n') != std::string::npos) return;
  constexpr std::size_t most_kept = 256;
  try {
    std::string text = std::string(detail::speeds_form) + "\n";
    const auto add = [&](const std::string& name, const VisionSpeed& s) {
      text += detail::speed_text(s.linear) + " " + detail::speed_text(s.attention) + " " + name + "\n";
    };
    const auto speeds = detail::read_speeds(file);
    if (speeds.size() < most_kept) {
      for (const auto& [kept, old] : speeds) {
        if (kept != key) add(kept, old);
      }
    }
    add(key, speed);
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    OutputFile out(file);
    out.put(std::as_bytes(std::span(text)));
    out.finish();
  } catch (const std::exception&) {
    // Measured again by the next run.
  }
}

VLMT_BODY std::string processor_name() {
  std::string name, implementer, part;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string* target = line.starts_with("model name")        ? &name
                          : line.starts_with("CPU implementer") ? &implementer
                          : line.starts_with("CPU part")        ? &part
                                                                : nullptr;
    if (target != nullptr && target->empty()) *target = line.substr(colon + 2, 128);
  }
  if (name.empty() && !part.empty()) name = "implementer " + implementer + ", part " + part;  // AArch64
  if (name.empty()) name = "unknown processor";
  return name + " x " + std::to_string(usable_processors().usable);
}

#endif

VLMT_END_NAMESPACE
