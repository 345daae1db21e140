// Measured speeds of vision encoders, kept in a small JSON file of the user's cache folder.
//
// The file only saves time. A file that cannot be read, or holds something else, counts as empty; a file that cannot be
// written is left as it is. Neither is an error.
#pragma once

#include <optional>
#include <string>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

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

/// $XDG_CACHE_HOME/vlmt/vision-speed.json, or the same in ~/.cache; empty if neither is set.
std::string vision_speed_file();

/// The speed kept under `key`, if any. Never throws for what a file holds.
std::optional<VisionSpeed> find_vision_speed(const std::string& file, const std::string& key);

/// Keeps a speed under `key`, beside the others. Does nothing if `file` is empty or cannot be written.
void keep_vision_speed(const std::string& file, const std::string& key, const VisionSpeed& speed);

/// The processor's name and the number of processors that this process may use: "Intel(R) Xeon(R) Processor x 2".
std::string processor_name();

#if VLMT_HAS_BODIES

namespace detail {

/// The object "speeds" of the file; an empty one for a file of any other content.
inline nlohmann::json read_speeds(const std::string& file) {
  using Json = nlohmann::json;
  constexpr std::size_t most = std::size_t{1} << 20;
  std::error_code problem;
  if (file.empty() || !std::filesystem::is_regular_file(file, problem)) return Json::object();
  std::ifstream in(file, std::ios::binary);
  std::string text(most, '\0');
  in.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
  const auto nesting = [](int depth, Json::parse_event_t, const Json&) { return depth <= 3; };
  const Json root = Json::parse(text, nesting, false);  // discarded, not thrown, if it is not JSON
  if (!root.is_object() || root.value("version", Json()) != Json(1)) return Json::object();
  const auto speeds = root.find("speeds");
  return speeds != root.end() && speeds->is_object() ? *speeds : Json::object();
}

inline std::optional<VisionSpeed> speed_of(const nlohmann::json& entry) {
  VisionSpeed s;
  const auto read = [&](const char* key, double& value) {
    const auto at = entry.find(key);
    if (at == entry.end() || !at->is_number()) return false;
    value = at->get<double>();
    return value >= 1e3 && value <= 1e18;  // false for NaN, too
  };
  if (!entry.is_object() || !read("linear", s.linear) || !read("attention", s.attention)) return std::nullopt;
  return s;
}

}  // namespace detail

VLMT_BODY std::string vision_speed_file() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/vlmt/vision-speed.json";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return std::string(home) + "/.cache/vlmt/vision-speed.json";
  return {};
}

VLMT_BODY std::optional<VisionSpeed> find_vision_speed(const std::string& file, const std::string& key) {
  const nlohmann::json speeds = detail::read_speeds(file);
  const auto at = speeds.find(key);
  return at == speeds.end() ? std::nullopt : detail::speed_of(*at);
}

VLMT_BODY void keep_vision_speed(const std::string& file, const std::string& key, const VisionSpeed& speed) {
  if (file.empty()) return;
  constexpr std::size_t most_kept = 256;
  try {
    nlohmann::json speeds = detail::read_speeds(file);
    if (speeds.size() >= most_kept) speeds = nlohmann::json::object();
    speeds[key] = {{"linear", speed.linear}, {"attention", speed.attention}};
    const std::string text = nlohmann::json{{"version", 1}, {"speeds", speeds}}.dump(
                                 2, ' ', false, nlohmann::json::error_handler_t::replace) +
                             "\n";
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
