// The tokens of a conversation before anything is decoded: text exactly, images and videos from their headers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/image_budget.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/prompt.hpp"
#include "vlmt/text/chat.hpp"

VLMT_BEGIN_NAMESPACE

/// Sizes of a conversation whose messages from some message on are new.
struct PromptSize {
  std::size_t text_tokens = 0;     ///< of all messages, template and timestamps included
  std::size_t earlier_tokens = 0;  ///< of images and videos in earlier messages, with their own bounds
  std::vector<Part*> media;        ///< images and videos of the new messages
  std::vector<MediaSize> sizes;    ///< of `media`
};

/// Size of an image or video from its header; that of its first frame if it is a video. Throws FileError and LimitError
/// as ImageSource::info(), InputError for a video without frames.
inline MediaSize media_size(const Part& part, const ImageOptions& options) {
  if (const auto* image = std::get_if<ImageSource>(&part)) {
    const ImageInfo info = image->info(options);
    return {info.width, info.height, 0};
  }
  const Video& video = std::get<Video>(part);
  if (video.frames.empty()) throw InputError("a video without frames");
  const ImageInfo info = video.frames.front().info(options);
  return {info.width, info.height, static_cast<int>(video.frames.size())};
}

/// Tokens of rendered segments, without those of images and videos.
template <class M>
std::size_t text_tokens(const ChatModel<M>& model, std::span<const Segment> segments) {
  return encode_segments(model.tokenizer(), segments, [](const Segment&, std::vector<int>&) {}).size();
}

/// Measures `messages`, of which those from `first_new` on are new. Throws InputError, FileError and LimitError as
/// build_prompt() does for what shows in the headers.
template <class M>
PromptSize measure_prompt(const ChatModel<M>& model, const VisionPreprocess& preprocess,
                          std::span<ChatMessage> messages, std::size_t first_new, std::span<const Tool> tools,
                          const ChatOptions& chat, const ImageOptions& images) {
  PromptSize size;
  std::vector<Message> plain;
  std::vector<std::vector<double>> times;
  const int merge = preprocess.layout.merge;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ChatMessage& message = messages[i];
    Message m{message.role, {}, message.reasoning, message.tool_calls};
    for (Part& part : message.parts) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        m.parts.push_back(ContentPart::of(*text));
        continue;
      }
      if (model.vlm().vision_encoder() == nullptr) {
        throw InputError("the model was loaded without its mmproj file, which images need");
      }
      const auto* image = std::get_if<ImageSource>(&part);
      m.parts.push_back(image != nullptr ? ContentPart::image() : ContentPart::video());
      if (image == nullptr) {
        times.push_back(
            detail::slice_seconds(std::get<Video>(part), static_cast<std::size_t>(preprocess.layout.temporal)));
      }
      if (i >= first_new) {
        size.sizes.push_back(media_size(part, images));
        size.media.push_back(&part);
      } else if (image != nullptr && image->description()) {
        size.earlier_tokens += image->description()->grid_h * image->description()->grid_w;
      } else {
        const auto own = image != nullptr ? image->max_pixels() : std::get<Video>(part).max_pixels;
        size.earlier_tokens += media_grid(media_size(part, images), preprocess.lowered(own)).tokens(merge);
      }
    }
    plain.push_back(std::move(m));
  }
  size.text_tokens = text_tokens<M>(model, detail::render_messages(model, plain, times, tools, chat));
  return size;
}

/// Gives the measured images and videos the bounds of `fit`.
inline void apply(const ImageFit& fit, PromptSize& size) {
  for (std::size_t i = 0; i < size.media.size(); ++i) {
    if (auto* image = std::get_if<ImageSource>(size.media[i])) {
      image->set_max_pixels(fit.images[i].max_pixels);
    } else {
      std::get<Video>(*size.media[i]).max_pixels = fit.images[i].max_pixels;
    }
  }
}

VLMT_END_NAMESPACE
