// Images and videos as people name them: files, file: and data: URIs, standard input; and the question after them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <vlmt/runtime/media.hpp>

namespace programs {

/// An image file, the bytes of one, or a folder of frames.
struct MediaSource {
  std::string name;                                     ///< the path, or what messages call the bytes
  std::shared_ptr<const std::vector<std::byte>> bytes;  ///< null: the file or folder `name`

  vlmt::ImageSource image() const;
};

/// Limit of a data: URI and of an image from standard input.
inline constexpr std::size_t max_source_bytes = std::size_t{256} << 20;

/// The image that an argument of --image names: a path, perhaps quoted or escaped, a file: or data: URI, or "-" for
/// standard input, which is read here. Throws vlmt::Error for what cannot be read; a missing file shows later.
MediaSource image_source(const std::string& argument);

/// The folder that an argument of --frames names.
std::string frames_folder(const std::string& argument);

/// What a line attaches, and its question.
struct Attachments {
  std::vector<MediaSource> media;
  std::string question;
};

/// Splits the arguments of /image: one or more images, then perhaps a question. Paths may have white space: the longest
/// prefix of the line that exists is taken. Throws vlmt::Error, naming the path that does not exist.
Attachments take_images(std::string_view arguments);

/// The same for /frames.
Attachments take_folders(std::string_view arguments);

/// A message that begins with the paths of images, as terminals write them when files are dropped. Nothing for other
/// messages. Throws vlmt::Error for a path of an image that does not exist.
std::optional<Attachments> dropped_images(std::string_view message);

/// True for names that end as images do: .png, .jpg and others.
bool has_image_extension(std::string_view path);

/// True for words that are paths by their beginning, whether they exist or not: /, ./, ../, ~/, file:/, data:image/.
bool is_path_like(std::string_view word);

}  // namespace programs
