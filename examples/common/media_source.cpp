// See media_source.hpp.
#include "media_source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <vlmt/base/error.hpp>
#include <vlmt/io/load_image.hpp>
#include <vlmt/io/mapped_file.hpp>

#include "data_uri.hpp"
#include "shell_words.hpp"

namespace programs {
namespace {

namespace fs = std::filesystem;

enum class Kind { image, folder };

/// A path with white space has at most this many words.
constexpr std::size_t max_path_words = 64;
constexpr std::size_t max_path_bytes = 4096;

bool exists(const std::string& path, Kind kind) {
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  return fs::exists(status) && fs::is_directory(status) == (kind == Kind::folder);
}

bool is_url(std::string_view word) {
  return word.starts_with("http://") || word.starts_with("https://");
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

[[noreturn]] void refuse(const std::string& name) {
  if (is_url(name)) throw vlmt::InputError("is not a file: download the image first", {.file = name});
  std::error_code none;
  if (fs::is_directory(name, none)) throw vlmt::FileError("is a folder; /frames and --frames take one", {.file = name});
  const int problem = fs::exists(name, none) ? ENOTDIR : ENOENT;
  throw vlmt::FileError(std::string("cannot be opened: ") + std::strerror(problem), {.file = name});
}

MediaSource from_data_uri(std::string_view uri) {
  DataUri data = read_data_uri(uri, max_source_bytes);
  const std::string name = "data:" + data.type + " of " + std::to_string(data.bytes.size()) + " bytes";
  if (data.bytes.empty()) throw vlmt::InputError("is empty", {.file = name});
  return {name, std::make_shared<const std::vector<std::byte>>(std::move(data.bytes))};
}

/// All bytes of a pipe.
MediaSource from_stream(int file, const std::string& name) {
  std::vector<std::byte> bytes;
  std::array<std::byte, 1 << 16> block;
  while (true) {
    const ssize_t n = ::read(file, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw vlmt::FileError(std::string("cannot be read: ") + std::strerror(errno), {.file = name});
    if (n == 0) break;
    bytes.insert(bytes.end(), block.begin(), block.begin() + n);
    if (bytes.size() > max_source_bytes) {
      throw vlmt::LimitError("is too large",
                             {.file = name, .expected = "at most " + std::to_string(max_source_bytes) + " bytes"});
    }
  }
  if (bytes.empty()) throw vlmt::FileError("is empty", {.file = name});
  return {name, std::make_shared<const std::vector<std::byte>>(std::move(bytes))};
}

/// A path at the beginning of a line.
struct TakenPath {
  std::string text;  ///< as it is opened; a data: URI as it is
  std::size_t end = 0;
};

std::string_view token(std::string_view line, std::size_t at) {
  std::size_t end = at;
  while (end < line.size() && skip_space(line, end) == end) ++end;
  return line.substr(at, end - at);
}

/// The longest path at `at` that exists; nothing if none does.
std::optional<TakenPath> take_path(std::string_view line, std::size_t at, Kind kind) {
  const std::string_view first = token(line, at);
  if (is_data_uri(first)) return TakenPath{std::string(first), at + first.size()};
  if (first.starts_with("file:/")) {
    const std::string path = expanded_path(std::string(first));
    return exists(path, kind) ? std::optional(TakenPath{path, at + first.size()}) : std::nullopt;
  }
  std::vector<std::size_t> ends;
  for (std::size_t i = at; i < line.size() && ends.size() < max_path_words;) {
    const std::size_t end = i + token(line, i).size();
    if (end - at > max_path_bytes) break;
    ends.push_back(end);
    i = skip_space(line, end);
  }
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const std::string_view raw = line.substr(at, *end - at);
    for (const std::string& path : {std::string(raw), unescaped(raw)}) {
      const std::string expanded = expanded_path(path);
      if (exists(expanded, kind)) return TakenPath{expanded, *end};
    }
  }
  const ShellWord word = shell_word(line, at);
  const std::string expanded = expanded_path(word.text);
  if (word.closed && exists(expanded, kind)) return TakenPath{expanded, word.end};
  return std::nullopt;
}

/// What a user means who names a path that does not exist: a quoted word, all of the line if it ends as an image does,
/// else its first word.
std::string missing_name(std::string_view line, std::size_t at) {
  const ShellWord word = shell_word(line, at);
  if (word.quoted && word.closed) return expanded_path(word.text);
  const std::string_view first = token(line, at);
  const bool all = has_image_extension(line) && !is_path_like(line.substr(at + first.size()));
  return expanded_path(unescaped(all ? line.substr(at) : word.closed ? line.substr(at, word.end - at) : first));
}

MediaSource source_of(const TakenPath& path) {
  return is_data_uri(path.text) ? from_data_uri(path.text) : MediaSource{path.text, nullptr};
}

/// Takes paths from `at` on. After the first, a word must be a path by its beginning, or an image by its end.
Attachments take(std::string_view line, std::size_t at, Kind kind) {
  Attachments found;
  while ((at = skip_space(line, at)) < line.size()) {
    const std::string word = shell_word(line, at).text;
    const bool explicit_path = is_path_like(word) || is_url(word) || (kind == Kind::image && has_image_extension(word));
    const auto path = take_path(line, at, kind);
    if (!found.media.empty() && !explicit_path && !(path && kind == Kind::image && has_image_extension(path->text))) {
      break;
    }
    if (!path) refuse(missing_name(line, at));
    found.media.push_back(source_of(*path));
    at = path->end;
  }
  found.question = trimmed(line.substr(at));
  return found;
}

bool is_image_file(const std::string& path) {
  try {
    const auto file = vlmt::MappedFile::open(path);
    vlmt::probe_image(file->bytes(), path);
    return true;
  } catch (const vlmt::Error&) {
    return false;
  }
}

}  // namespace

bool has_image_extension(std::string_view path) {
  constexpr std::array<std::string_view, 12> extensions = {".png", ".jpg", ".jpeg", ".jpe",  ".jfif", ".webp",
                                                           ".gif", ".bmp", ".tif",  ".tiff", ".heic", ".avif"};
  std::string extension = fs::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool is_path_like(std::string_view word) {
  return word.starts_with('/') || word.starts_with("./") || word.starts_with("../") || word.starts_with("file:/") ||
         (word.starts_with('~') && word.find('/') != std::string_view::npos) || word.starts_with("data:image/");
}

vlmt::ImageSource MediaSource::image() const {
  if (bytes == nullptr) return vlmt::ImageSource::from_file(name);
  return vlmt::ImageSource::from_bytes(*bytes, name);
}

MediaSource image_source(const std::string& argument) {
  if (argument == "-") return from_stream(STDIN_FILENO, "standard input");
  if (is_data_uri(argument)) return from_data_uri(argument);
  if (is_url(argument)) refuse(argument);
  const auto path = exists(argument, Kind::image) ? std::optional(TakenPath{argument, argument.size()})
                                                  : take_path(argument, 0, Kind::image);
  if (!path || path->end != argument.size()) return {missing_name(argument, 0), nullptr};
  std::error_code none;
  if (fs::is_fifo(path->text, none)) {  // <(command)
    const int file = ::open(path->text.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) refuse(path->text);
    MediaSource source = from_stream(file, path->text);
    ::close(file);
    return source;
  }
  return {path->text, nullptr};
}

std::string frames_folder(const std::string& argument) {
  if (exists(argument, Kind::folder)) return argument;
  const auto path = take_path(argument, 0, Kind::folder);
  return path && path->end == argument.size() ? path->text : missing_name(argument, 0);
}

Attachments take_images(std::string_view arguments) {
  return take(arguments, 0, Kind::image);
}

Attachments take_folders(std::string_view arguments) {
  return take(arguments, 0, Kind::folder);
}

std::optional<Attachments> dropped_images(std::string_view message) {
  const std::size_t at = skip_space(message, 0);
  if (at == message.size()) return std::nullopt;
  const std::string word = shell_word(message, at).text;
  std::optional<TakenPath> path;
  try {
    path = take_path(message, at, Kind::image);
  } catch (const vlmt::InputError&) {  // a file: URI that is malformed, or not meant as one
    if (has_image_extension(word)) throw;
  }
  if (path) {
    if (is_data_uri(path->text) ? !word.starts_with("data:image/")
                                : !has_image_extension(path->text) && !is_image_file(path->text)) {
      return std::nullopt;
    }
  } else if (!(is_path_like(word) && has_image_extension(word))) {
    return std::nullopt;
  }
  return take(message, at, Kind::image);
}

}  // namespace programs
