// The frames of a video in a folder: its image files in natural order, and what is odd about them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#if VLMT_HAS_BODIES
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <span>
#include <string_view>
#include <system_error>

#include "vlmt/io/image_kind.hpp"
#include "vlmt/io/natural_order.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// What list_frames() found.
struct FrameFolder {
  std::vector<std::string> files;  ///< paths, in order
  std::vector<std::string> notes;  ///< one line each: files skipped, numbers missing
};

/// The image files of a folder. Frames are ordered by the numbers in their names. Hidden files and files that are no
/// images are skipped; a file that claims to be an image by its extension, or is one that vlmt does not read, is kept,
/// because a frame must not vanish: decoding it will fail. Subfolders are ignored. Throws FileError if the folder
/// cannot be read or has no frames.
FrameFolder list_frames(const std::string& folder);

#if VLMT_HAS_BODIES

namespace detail {

inline bool has_image_extension(const std::filesystem::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](char c) { return lower(c); });
  constexpr std::array<std::string_view, 9> known = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png",
                                                     ".webp", ".gif",  ".bmp", ".apng"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

/// True if the file is a frame by its first bytes or its extension.
inline bool is_frame(const std::filesystem::path& file) {
  if (has_image_extension(file)) return true;
  std::array<char, 4096> start{};
  std::ifstream in(file, std::ios::binary);
  in.read(start.data(), start.size());
  const auto bytes = std::as_bytes(std::span(start.data(), static_cast<std::size_t>(in.gcount())));
  if (image_format(bytes)) return true;
  const auto foreign = foreign_format(bytes);
  return foreign && foreign->image;
}

/// "frames 7 to 9 are missing between frame_6.png and frame_10.png"; at most three gaps and the number of the others.
inline std::string describe_gaps(std::span<const NumberGap> gaps, std::span<const std::string> names) {
  constexpr std::size_t most = 3;
  std::string line;
  for (std::size_t i = 0; i < gaps.size() && i < most; ++i) {
    const NumberGap& gap = gaps[i];
    const bool one = gap.first == gap.last;
    line += i == 0 ? (one ? "frame " : "frames ") : ", ";
    line += std::to_string(gap.first) + (one ? "" : " to " + std::to_string(gap.last));
    if (!one && gap.step != 1) line += " in steps of " + std::to_string(gap.step);
    if (i == 0) line += one ? " is missing" : " are missing";
    line += " between " + names[gap.before] + " and " + names[gap.before + 1];
  }
  if (gaps.size() > most) line += ", and " + std::to_string(gaps.size() - most) + " more gaps";
  return line;
}

}  // namespace detail

VLMT_BODY FrameFolder list_frames(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code problem;
  std::vector<std::string> names;
  std::vector<std::string> skipped;
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
    std::error_code none;
    if (!entry->is_regular_file(none)) continue;
    const std::string name = entry->path().filename().string();
    (name[0] == '.' || !detail::is_frame(entry->path()) ? skipped : names).push_back(name);
  }
  if (problem) throw FileError("cannot be read: " + problem.message(), {.file = folder});
  std::sort(names.begin(), names.end(), natural_less);
  std::sort(skipped.begin(), skipped.end(), natural_less);
  FrameFolder frames;
  if (!skipped.empty()) {
    const std::string what = skipped.size() == 1
                                 ? "1 file that is hidden or no image: "
                                 : std::to_string(skipped.size()) + " files that are hidden or no images, such as ";
    frames.notes.push_back("skipped " + what + skipped.front());
  }
  if (names.empty()) {
    throw FileError("no frames in the folder" + (frames.notes.empty() ? "" : "; " + frames.notes.front()),
                    {.file = folder, .expected = "image files"});
  }
  std::vector<std::string> stems;
  for (const std::string& name : names) {
    frames.files.push_back((fs::path(folder) / name).string());
    stems.push_back(fs::path(name).stem().string());
  }
  const std::vector<NumberGap> gaps = number_gaps(stems);
  if (!gaps.empty()) frames.notes.push_back(detail::describe_gaps(gaps, names));
  return frames;
}

#endif

VLMT_END_NAMESPACE
