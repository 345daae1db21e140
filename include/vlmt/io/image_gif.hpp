// GIF decoding with giflib: the first frame.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gif_lib.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/io/bytes.hpp"
#include "vlmt/io/composite.hpp"
#include "vlmt/io/gif_blocks.hpp"
#include "vlmt/io/image.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

inline GifFrame read_gif(std::span<const std::byte> file, const std::string& name) {
  auto frame = GifReader(file).read();
  if (!frame) bad_image(name, "is not a readable GIF", "no frame in it");
  if (frame->width == 0 || frame->height == 0) {
    bad_image(name, "is not a readable GIF",
              "a frame of " + std::to_string(frame->width) + " x " + std::to_string(frame->height) + " pixels");
  }
  return *std::move(frame);
}

inline ImageInfo probe_gif(std::span<const std::byte> file, const std::string& name) {
  const GifFrame frame = read_gif(file, name);
  return {ImageFormat::Gif, static_cast<int>(frame.canvas_width()), static_cast<int>(frame.canvas_height()), 1};
}

/// The rows of a frame, top to bottom as stored. giflib gets a file of this frame alone: GifReader has found the frame
/// in a file that may be damaged elsewhere.
class GifRows {
 public:
  explicit GifRows(const GifFrame& frame) : data_(frame.data) {
    auto put = [this, at = std::size_t{0}](std::uint32_t value, std::size_t n) mutable {
      for (std::size_t i = 0; i < n; ++i) head_[at++] = static_cast<std::byte>(value >> 8 * i);
    };
    for (const char c : std::string_view("GIF89a")) put(static_cast<std::uint32_t>(c), 1);
    put(frame.width, 2), put(frame.height, 2), put(0, 3);                          // a screen without palette
    put(',', 1), put(0, 4), put(frame.width, 2), put(frame.height, 2), put(0, 1);  // a frame without palette
    put(std::to_integer<std::uint32_t>(frame.code_size), 1);
    int error = 0;
    gif_.reset(DGifOpen(this, on_read, &error));
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    ready_ = gif_ != nullptr && DGifGetRecordType(gif_.get(), &record) == GIF_OK && record == IMAGE_DESC_RECORD_TYPE &&
             DGifGetImageDesc(gif_.get()) == GIF_OK;
  }
  GifRows(const GifRows&) = delete;
  GifRows& operator=(const GifRows&) = delete;

  /// The colour indices of the next row. False if the data is damaged or ends early.
  bool next(std::span<std::uint8_t> row) {
    return ready_ && DGifGetLine(gif_.get(), row.data(), static_cast<int>(row.size())) == GIF_OK;
  }

 private:
  struct Close {
    void operator()(GifFileType* gif) const noexcept { DGifCloseFile(gif, nullptr); }
  };

  static int on_read(GifFileType* gif, GifByteType* out, int wanted) {
    auto* self = static_cast<GifRows*>(gif->UserData);
    const std::span<const std::byte> head = self->head_;
    std::size_t done = 0;
    while (done < static_cast<std::size_t>(wanted)) {
      const auto rest = self->at_ < head.size()
                            ? head.subspan(self->at_)
                            : self->data_.subspan(std::min(self->at_ - head.size(), self->data_.size()));
      if (rest.empty()) break;
      const std::size_t n = std::min(static_cast<std::size_t>(wanted) - done, rest.size());
      std::memcpy(out + done, rest.data(), n);
      done += n;
      self->at_ += n;
    }
    return static_cast<int>(done);
  }

  std::array<std::byte, 24> head_{};
  std::span<const std::byte> data_;
  std::size_t at_ = 0;
  std::unique_ptr<GifFileType, Close> gif_;
  bool ready_ = false;
};

/// The place of stored row `i` of `height`: interlaced rows come in four passes.
inline std::size_t gif_row(std::size_t i, std::size_t height, bool interlaced) noexcept {
  if (!interlaced) return i;
  for (const auto& [first, step] : {std::pair<std::size_t, std::size_t>{0, 8}, {4, 8}, {2, 4}, {1, 2}}) {
    const std::size_t rows = height > first ? (height - first + step - 1) / step : 0;
    if (i < rows) return first + i * step;
    i -= rows;
  }
  return 0;
}

/// The RGB value of each index: composited if it is transparent, black beyond the palette, grey without a palette.
inline std::array<std::array<std::uint8_t, 3>, 256> gif_colours(const GifFrame& frame, const Compositor& compositor) {
  std::array<std::array<std::uint8_t, 3>, 256> colours{};
  for (std::size_t i = 0; i < 256; ++i) {
    std::array<std::uint8_t, 4> rgba{0, 0, 0, 255};
    for (std::size_t c = 0; c < 3; ++c) {
      if (3 * i < frame.palette.size()) rgba[c] = std::to_integer<std::uint8_t>(frame.palette[3 * i + c]);
      if (frame.palette.empty()) rgba[c] = static_cast<std::uint8_t>(i);
    }
    if (frame.transparent && *frame.transparent == i) rgba[3] = 0;
    compositor.rgba8(rgba.data(), 1, colours[i].data());
  }
  return colours;
}

/// The colour of the screen where the frame does not cover it: transparent if the frame has transparency, else the
/// file's background colour.
inline std::array<std::uint8_t, 3> gif_screen_colour(const GifFrame& frame, const Compositor& compositor) {
  const std::size_t at = std::size_t{3} * frame.background;
  if (frame.transparent || at >= frame.screen_palette.size()) return compositor.nothing();
  std::array<std::uint8_t, 3> colour{};
  for (std::size_t c = 0; c < 3; ++c) colour[c] = std::to_integer<std::uint8_t>(frame.screen_palette[at + c]);
  return colour;
}

inline Image decode_gif(std::span<const std::byte> file, const ImageOptions& options, const std::string& name,
                        ImageNotes& notes) {
  const GifFrame frame = read_gif(file, name);
  Image image;
  image.width = image.original_width = static_cast<int>(frame.canvas_width());
  image.height = image.original_height = static_cast<int>(frame.canvas_height());
  const std::size_t width = frame.canvas_width(), height = frame.canvas_height();
  check_memory(name, 3 * width * height + frame.data.size(), options);
  const Compositor compositor(options);
  image.rgb.resize(3 * width * height);
  if (frame.width != width || frame.height != height) {
    const auto screen = gif_screen_colour(frame, compositor);
    for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = screen[i % 3];
  }
  const auto colours = gif_colours(frame, compositor);
  std::vector<std::uint8_t> row(frame.width);
  GifRows rows(frame);
  for (std::size_t i = 0; i < frame.height; ++i) {
    throw_if_set(options.stop_flag);
    if (!rows.next(row)) {
      const char* why = frame.data_is_cut ? "the file ends early: " : "damaged data: ";
      bad_image(name, "is a damaged GIF", why + rows_there(i, frame.height));
    }
    const std::size_t y = frame.y + gif_row(i, frame.height, frame.interlaced);
    std::uint8_t* out = image.rgb.data() + 3 * (y * width + frame.x);
    for (std::size_t x = 0; x < frame.width; ++x) std::memcpy(out + 3 * x, colours[row[x]].data(), 3);
  }
  if (!frame.damage.empty()) notes.damage.push_back(frame.damage);
  if (frame.frames > 1) notes.remarks.push_back(first_frame_of(frame.frames));
  return image;
}

}  // namespace detail

VLMT_END_NAMESPACE
