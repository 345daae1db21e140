// From messages to a Sequence: the template is rendered, text tokenized, pictures measured. Features come later, and
// only for what the KV cache does not hold yet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/model/sequence.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/vision_encoder.hpp"
#include "vlmt/text/chat.hpp"

VLMT_BEGIN_NAMESPACE

/// A message with its media.
struct ChatMessage {
  Role role = Role::user;
  std::vector<Part> parts;
  std::optional<std::string> reasoning = {};  ///< assistant only
  std::vector<ToolCall> tool_calls = {};      ///< assistant only

  static ChatMessage of(Role role, std::string text) { return {role, {Part(std::move(text))}}; }
};

/// What stands behind one picture or video of a prompt.
struct PromptMedia {
  Picture* picture = nullptr;
  Video* video = nullptr;
  ContentKey key;
  std::size_t slices = 1;
  std::size_t grid_h = 0;  ///< in tokens
  std::size_t grid_w = 0;
};

/// A rendered conversation, features not yet attached.
struct Prompt {
  Sequence sequence;
  std::vector<PromptMedia> media;  ///< points into the messages
  std::size_t visual_tokens = 0;
};

namespace detail {

/// The frames of a video, decoded.
inline std::vector<Image> decode_frames(const Video& video, const ImageOptions& options) {
  std::vector<Image> frames;
  frames.reserve(video.frames.size());
  for (const Picture& p : video.frames) frames.push_back(p.decode(options));
  return frames;
}

/// The time of each slice of two frames: the mean of theirs, the last frame standing in for a missing one.
inline std::vector<double> slice_seconds(const Video& video, std::size_t temporal) {
  if (video.frames.empty() || video.frames.size() != video.seconds.size()) {
    throw InputError("a video needs one time for each of its frames",
                     {{}, {}, "video", std::to_string(video.frames.size()), std::to_string(video.seconds.size())});
  }
  std::vector<double> times;
  for (std::size_t i = 0; i < video.seconds.size(); i += temporal) {
    const std::size_t last = std::min(i + temporal, video.seconds.size()) - 1;
    times.push_back((video.seconds[i] + video.seconds[last]) / 2.0);
  }
  return times;
}

}  // namespace detail

/// Options for decoding a picture that the encoder will shrink to its limits.
template <class Encoder>
ImageOptions decode_options(const Encoder& encoder, ImageOptions options) {
  options.hint.target_pixels = encoder.preprocess().image_limits.max_pixels;
  return options;
}

/// Renders `messages` for the model. Pictures are decoded once to be measured and hashed; what was found out stays in
/// them. Throws InputError, LimitError and FileError, naming what was wrong with which picture or message.
template <class M, Team T, class P>
Prompt build_prompt(const ChatModel<M>& model, const VisionEncoder<M, T, P>& encoder, std::span<ChatMessage> messages,
                    std::span<const Tool> tools, const ChatOptions& chat, const ImageOptions& images) {
  Prompt prompt;
  std::vector<Message> plain;
  std::vector<PromptMedia> pictures;
  std::vector<PromptMedia> videos;
  std::vector<std::vector<double>> times;
  const ImageOptions decode = decode_options(encoder, images);
  const auto merge = static_cast<std::size_t>(encoder.preprocess().layout.merge);
  const PixelLimits limits = encoder.preprocess().image_limits;
  for (ChatMessage& message : messages) {
    Message m{message.role, {}, message.reasoning, message.tool_calls};
    for (Part& part : message.parts) {
      if (auto* text = std::get_if<std::string>(&part)) {
        m.parts.push_back(ContentPart::of(*text));
      } else if (auto* picture = std::get_if<Picture>(&part)) {
        m.parts.push_back(ContentPart::image());
        const auto& known = picture->description();
        if (!known || known->min_pixels != limits.min_pixels || known->max_pixels != limits.max_pixels) {
          const auto [key, grid] = encoder.describe(picture->decode(decode));
          picture->set_description({key, static_cast<std::size_t>(grid.h) / merge,
                                    static_cast<std::size_t>(grid.w) / merge, limits.min_pixels, limits.max_pixels});
        }
        const Picture::Description& d = *picture->description();
        pictures.push_back({picture, nullptr, d.key, 1, d.grid_h, d.grid_w});
      } else {
        Video& v = std::get<Video>(part);
        m.parts.push_back(ContentPart::video());
        times.push_back(detail::slice_seconds(v, static_cast<std::size_t>(encoder.preprocess().layout.temporal)));
        const auto [key, grid] = encoder.describe_video(detail::decode_frames(v, decode));
        videos.push_back({nullptr, &v, key, static_cast<std::size_t>(grid.t), static_cast<std::size_t>(grid.h) / merge,
                          static_cast<std::size_t>(grid.w) / merge});
      }
    }
    plain.push_back(std::move(m));
  }
  if (!videos.empty() && !model.video_token()) throw InputError("the model's tokenizer has no token for videos");

  using Template = typename M::Template;
  std::vector<Segment> segments = Template::render(plain, tools, chat);
  if (!videos.empty()) segments = Template::expand_videos(segments, times);

  std::size_t done = 0;
  const auto take_text = [&](const std::vector<int>& ids) {
    prompt.sequence.append(std::span<const int>(ids).subspan(done));
    done = ids.size();
  };
  const std::vector<int> ids =
      encode_segments(model.tokenizer(), segments, [&](const Segment& segment, std::vector<int>& so_far) {
        take_text(so_far);
        const bool still = segment.kind == Segment::Kind::image;
        const PromptMedia& item = still ? pictures.at(segment.index) : videos.at(segment.index);
        prompt.sequence.append(item.key, item.grid_h, item.grid_w, segment.slice.value_or(0),
                               still ? *model.image_token() : *model.video_token());
        prompt.visual_tokens += item.grid_h * item.grid_w;
      });
  take_text(ids);
  prompt.media = std::move(pictures);
  prompt.media.insert(prompt.media.end(), videos.begin(), videos.end());
  return prompt;
}

/// Runs the tower for the media of the prompt whose cells reach past the first `keep`, and attaches the features.
/// `progress(done, total)` counts pictures. Returns the pictures that were encoded or found in the cache.
template <class M, Team T, class P, class Progress>
std::size_t attach_features(VisionEncoder<M, T, P>& encoder, Prompt& prompt, std::size_t keep,
                            const ImageOptions& images, Progress&& progress) {
  const ImageOptions decode = decode_options(encoder, images);
  std::vector<const PromptMedia*> wanted;
  for (const PromptMedia& item : prompt.media) {
    const auto spans = prompt.sequence.visuals();
    const bool needed = std::any_of(spans.begin(), spans.end(), [&](const VisualSpan& s) {
      return s.key == item.key && s.begin + s.tokens > keep;
    });
    const bool repeated =
        std::any_of(wanted.begin(), wanted.end(), [&](const PromptMedia* w) { return w->key == item.key; });
    if (needed && !repeated) wanted.push_back(&item);
  }
  std::size_t done = 0;
  for (const PromptMedia* item : wanted) {
    progress(done, wanted.size());
    auto features = encoder.find(item->key);
    if (!features) {
      features = item->picture != nullptr ? encoder.encode(item->picture->decode(decode))
                                          : encoder.encode_video(detail::decode_frames(*item->video, decode));
    }
    if (!(features->key == item->key)) throw InputError("a picture changed while it was being read");
    prompt.sequence.attach(features);
    progress(++done, wanted.size());
  }
  return wanted.size();
}

VLMT_END_NAMESPACE
