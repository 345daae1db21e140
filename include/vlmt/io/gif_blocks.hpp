// The blocks of a GIF file: its first frame, its palette and transparency, and the number of frames.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// The first frame of a GIF and what its file says about it.
struct GifFrame {
  std::uint32_t screen_width = 0, screen_height = 0;
  std::uint32_t x = 0, y = 0, width = 0, height = 0;  ///< place on the screen
  bool interlaced = false;
  std::span<const std::byte> palette;         ///< 3 bytes per colour; of the frame, else of the file; may be empty
  std::span<const std::byte> screen_palette;  ///< of the file; may be empty
  std::uint8_t background = 0;                ///< index in screen_palette
  std::optional<std::uint8_t> transparent;    ///< index of the transparent colour
  std::byte code_size{};                      ///< of the LZW data
  std::vector<std::byte> data;                ///< LZW data in blocks with their lengths, ended by an empty one
  bool data_is_cut = false;                   ///< the file ends inside the data
  std::size_t frames = 0;                     ///< complete or not
  std::string damage;                         ///< after the frame

  std::uint32_t canvas_width() const noexcept { return std::max(screen_width, x + width); }
  std::uint32_t canvas_height() const noexcept { return std::max(screen_height, y + height); }
};

/// Reads a GIF from its start; the end of its bytes is a stop, not an error.
class GifReader {
 public:
  explicit GifReader(std::span<const std::byte> file) : file_(file) {}

  /// The first frame; nothing if the file ends or is damaged before its data.
  std::optional<GifFrame> read() {
    GifFrame frame;
    if (file_.size() < 13) return std::nullopt;
    frame.screen_width = little_endian(file_, 6, 2);
    frame.screen_height = little_endian(file_, 8, 2);
    frame.background = std::to_integer<std::uint8_t>(file_[11]);
    at_ = 13;
    if (!read_palette(byte(10), frame.screen_palette)) return std::nullopt;
    bool ended = false;
    while (!ended && at_ < file_.size() && frame.damage.empty()) {
      const unsigned kind = byte(at_++);
      if (kind == ';') {
        ended = true;
      } else if (kind == '!') {
        if (!read_extension(frame)) frame.damage = end_is_missing;
      } else if (kind == ',') {
        if (!read_image(frame)) frame.damage = end_is_missing;
      } else if (kind != 0) {  // 0: the end of a chain of blocks, which some programs write twice
        frame.damage = "the file is damaged after the first frame";
      }
    }
    if (frame.data.empty()) return std::nullopt;
    if (frame.damage.empty() && !ended) frame.damage = end_is_missing;
    if (frame.damage.empty() && at_ < file_.size()) {
      frame.damage = bytes_after_end(file_.size() - at_);
    }
    return frame;
  }

 private:
  static constexpr const char* end_is_missing = "the end of the file is missing";

  unsigned byte(std::size_t at) const noexcept { return std::to_integer<unsigned>(file_[at]); }
  bool has(std::size_t n) const noexcept { return n <= file_.size() - at_; }

  /// The palette that follows, if `flags` say that there is one. False if the file ends in it.
  bool read_palette(unsigned flags, std::span<const std::byte>& palette) {
    if ((flags & 0x80) == 0) return true;
    const std::size_t bytes = std::size_t{3} << ((flags & 7) + 1);
    if (!has(bytes)) return false;
    palette = file_.subspan(at_, bytes);
    at_ += bytes;
    return true;
  }

  /// Calls use(block) for each block of a chain, a length and its bytes, up to an empty one. False if the file ends;
  /// the last block may then be shorter than its length.
  template <class Use>
  bool for_each_block(Use&& use) {
    while (at_ < file_.size()) {
      const std::size_t length = byte(at_++), there = std::min(length, file_.size() - at_);
      if (length == 0) return true;
      use(file_.subspan(at_, there));
      at_ += there;
    }
    return false;
  }

  bool read_extension(GifFrame& frame) {
    if (!has(1)) return false;
    const unsigned label = byte(at_++);
    const bool control = label == 0xf9 && frame.frames == 0;
    return for_each_block([&](std::span<const std::byte> block) {
      if (!control || block.size() < 4) return;
      frame.transparent.reset();
      if ((std::to_integer<unsigned>(block[0]) & 1) != 0) frame.transparent = std::to_integer<std::uint8_t>(block[3]);
    });
  }

  bool read_image(GifFrame& frame) {
    if (!has(9)) return false;
    const bool first = ++frame.frames == 1;
    const unsigned flags = byte(at_ + 8);
    if (first) {
      frame.x = little_endian(file_, at_, 2);
      frame.y = little_endian(file_, at_ + 2, 2);
      frame.width = little_endian(file_, at_ + 4, 2);
      frame.height = little_endian(file_, at_ + 6, 2);
      frame.interlaced = (flags & 0x40) != 0;
    }
    at_ += 9;
    std::span<const std::byte> palette = frame.screen_palette;
    if (!read_palette(flags, palette) || !has(1)) return false;
    const std::byte code_size = file_[at_++];
    const bool whole = for_each_block([&](std::span<const std::byte> block) {
      if (!first || block.empty()) return;
      frame.data.push_back(static_cast<std::byte>(block.size()));
      frame.data.insert(frame.data.end(), block.begin(), block.end());
    });
    if (first) {
      frame.palette = palette;
      frame.code_size = code_size;
      frame.data.push_back(std::byte{0});
      frame.data_is_cut = !whole;
    }
    return whole;
  }

  std::span<const std::byte> file_;
  std::size_t at_ = 0;
};

}  // namespace detail

VLMT_END_NAMESPACE
