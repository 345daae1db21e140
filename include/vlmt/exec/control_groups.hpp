// The control groups (cgroups) of this process: folders in which the kernel keeps limits, from the group of the process
// up to the highest one that is visible. Version 1, version 2 and both together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vlmt/base/config.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#endif

VLMT_BEGIN_NAMESPACE

/// A group of this process, or a group that contains it.
struct ControlGroup {
  std::string folder;  ///< absolute, without the root folder that the group was read from
  int version = 2;     ///< 1 or 2: the files of the versions have different names
};

/// The groups that limit this process with a controller ("cpu", "memory"), innermost first. `root` is the folder that
/// holds /proc and /sys. Where the process is in a group that no mount shows (a container that shares the namespace of
/// the host), the groups of the mount are listed. Empty without control groups.
std::vector<ControlGroup> control_groups(std::string_view controller, const std::string& root = "/");

namespace detail {

/// The beginning of a file of the kernel, up to 16 MiB; empty if it cannot be read. `path` is absolute, inside `root`.
std::string kernel_file(const std::string& root, const std::string& path);

/// The number of a text such as "4096 kB" or "100000\n", or after `key` at the start of a line. Too large numbers
/// are UINT64_MAX; nothing for "max", a negative number or any other text.
std::optional<std::uint64_t> kernel_number(std::string_view text);
std::optional<std::uint64_t> kernel_number(std::string_view text, std::string_view key);

/// Cuts the text before the next `separator` off the front of `text`, and the separator.
inline std::string_view next_word(std::string_view& text, char separator) noexcept {
  const std::size_t end = text.find(separator);
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

}  // namespace detail

#if VLMT_HAS_BODIES

namespace detail {

VLMT_BODY std::string kernel_file(const std::string& root, const std::string& path) {
  constexpr std::size_t most = std::size_t{16} << 20;
  std::string text;
  const int file = ::open((root == "/" ? path : root + path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return text;
  char piece[4096];
  while (text.size() < most) {
    const ssize_t n = ::read(file, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(piece, static_cast<std::size_t>(n));
  }
  ::close(file);
  return text;
}

VLMT_BODY std::optional<std::uint64_t> kernel_number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() && *end != ' ' && *end != '\t' && *end != '\n') return std::nullopt;
  if (problem == std::errc::result_out_of_range) return UINT64_MAX;
  if (problem != std::errc()) return std::nullopt;
  return value;
}

VLMT_BODY std::optional<std::uint64_t> kernel_number(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = next_word(text, '\n');
    if (line.substr(0, key.size()) != key) continue;
    line.remove_prefix(key.size());
    if (!line.empty() && (line.front() == ' ' || line.front() == '\t')) return kernel_number(line);
  }
  return std::nullopt;
}

/// A mount of a control group hierarchy.
struct ControlGroupMount {
  std::string root;    // the group that the mount shows
  std::string folder;  // where it is mounted
};

/// The kernel writes blanks and backslashes in paths as "\040".
inline std::string unescaped(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && text.size() - i > 3 && octal(text[i + 1]) && octal(text[i + 2]) && octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

inline bool lists(std::string_view list, std::string_view name) noexcept {
  while (!list.empty()) {
    if (next_word(list, ',') == name) return true;
  }
  return false;
}

/// The mounts of version 2, or those of version 1 with a controller. A line of mountinfo is
/// "36 35 98:0 <root> <folder> <options> [<optional fields>] - <type> <source> <options of the file system>".
VLMT_BODY std::vector<ControlGroupMount> control_group_mounts(std::string_view mountinfo, int version,
                                                              std::string_view controller) {
  std::vector<ControlGroupMount> mounts;
  while (!mountinfo.empty()) {
    std::string_view line = next_word(mountinfo, '\n');
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view system = line.substr(dash + 3);
    const std::string_view type = next_word(system, ' ');
    next_word(system, ' ');
    if (version == 2 ? type != "cgroup2" : type != "cgroup" || !lists(system, controller)) continue;
    for (int skipped = 0; skipped < 3; ++skipped) next_word(line, ' ');
    std::string root = unescaped(next_word(line, ' '));
    std::string folder = unescaped(next_word(line, ' '));
    if (!root.empty() && root[0] == '/' && !folder.empty() && folder[0] == '/') {
      mounts.push_back({std::move(root), std::move(folder)});
    }
  }
  return mounts;
}

/// `group` relative to a group that contains it: "" or "/...". Nothing if it is elsewhere.
inline std::optional<std::string> group_below(const std::string& group, const std::string& container) {
  if (group.find("/..") != std::string::npos) return std::nullopt;  // outside of the namespace of the process
  if (container == "/") return group == "/" ? std::string() : group;
  if (group.substr(0, container.size()) != container) return std::nullopt;
  std::string rest = group.substr(container.size());
  return rest.empty() || rest[0] == '/' ? std::optional(rest) : std::nullopt;
}

}  // namespace detail

VLMT_BODY std::vector<ControlGroup> control_groups(std::string_view controller, const std::string& root) {
  const std::string own = detail::kernel_file(root, "/proc/self/cgroup");
  const std::string mountinfo = detail::kernel_file(root, "/proc/self/mountinfo");
  std::vector<ControlGroup> groups;
  // Lines are "5:cpu,cpuacct:/path" in version 1 and "0::/path" in version 2.
  for (std::string_view lines = own; !lines.empty();) {
    std::string_view line = detail::next_word(lines, '\n');
    detail::next_word(line, ':');
    const std::string_view controllers = detail::next_word(line, ':');
    if (!controllers.empty() && !detail::lists(controllers, controller)) continue;
    const int version = controllers.empty() ? 2 : 1;
    const std::string group(line);
    if (group.empty() || group[0] != '/') continue;
    // The mount that shows most groups above that of the process.
    const auto mounts = detail::control_group_mounts(mountinfo, version, controller);
    const detail::ControlGroupMount* best = nullptr;
    std::string below;
    for (const detail::ControlGroupMount& mount : mounts) {
      const auto rest = detail::group_below(group, mount.root);
      if (rest && (best == nullptr || rest->size() > below.size())) {
        best = &mount;
        below = *rest;
      }
    }
    if (best == nullptr && !mounts.empty()) best = &mounts.front();
    if (best == nullptr) continue;
    const std::string mounted = best->folder == "/" ? "" : best->folder;
    for (;; below.resize(below.rfind('/'))) {
      groups.push_back({mounted + below, version});
      if (below.find('/') == std::string::npos) break;
    }
  }
  return groups;
}

#endif

VLMT_END_NAMESPACE
