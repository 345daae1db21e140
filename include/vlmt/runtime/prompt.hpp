// From messages to a Sequence: renders the chat template, tokenizes text and measures images. Features are attached
// later, and only where the KV cache does not hold the cells yet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/model/sequence.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/vision_runner.hpp"
#include "vlmt/text/chat.hpp"
#include "vlmt/text/reasoning.hpp"

VLMT_BEGIN_NAMESPACE

/// A message with its images and videos.
struct ChatMessage {
  Role role = Role::user;
  std::vector<Part> parts;
  std::optional<std::string> reasoning = {};  ///< assistant only
  std::vector<ToolCall> tool_calls = {};      ///< assistant only

  static ChatMessage of(Role role, std::string text) { return {role, {Part(std::move(text))}}; }
};

/// Source, cache key and token grid of one image or video of a prompt.
struct PromptMedia {
  ImageSource* image = nullptr;
  Video* video = nullptr;
  ContentKey key;
  std::size_t grid_h = 0;  ///< in tokens
  std::size_t grid_w = 0;
};

/// A rendered conversation, without features until attach_features().
struct Prompt {
  Sequence sequence;
  std::vector<PromptMedia> media;  ///< pointers into the messages
  std::size_t visual_tokens = 0;
  bool opens_thoughts = false;  ///< what the model writes begins inside a block of thoughts
};

namespace detail {

/// Decodes all frames of a video.
inline std::vector<Image> decode_frames(const Video& video, const ImageOptions& options) {
  std::vector<Image> frames;
  frames.reserve(video.frames.size());
  for (const ImageSource& p : video.frames) frames.push_back(p.decode(options));
  return frames;
}

/// The time in seconds of each slice of `temporal` frames: the mean of its first and its last frame. Throws InputError
/// unless the video has one time for each of its frames.
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

/// Decoding options with an image's pixel limit as a hint: a decoder may scale the image down early. `max_pixels` is
/// the image's own bound.
template <class Vision>
ImageOptions decode_options(const Vision& vision, ImageOptions options, std::optional<std::uint64_t> max_pixels = {}) {
  options.hint.target_pixels = lowered(vision.preprocess().image_limits, max_pixels).max_pixels;
  return options;
}

namespace detail {

/// Renders `messages`; `times` holds the seconds of the slices of each video. Throws InputError.
template <class M>
std::vector<Segment> render_messages(const ChatModel<M>& model, std::span<const Message> messages,
                                     std::span<const std::vector<double>> times, std::span<const Tool> tools,
                                     const ChatOptions& chat) {
  if (!times.empty() && !model.video_token()) throw InputError("the model's tokenizer has no token for videos");
  using Template = typename M::Template;
  std::vector<Segment> segments = Template::render(messages, tools, chat);
  if (!times.empty()) segments = Template::expand_videos(segments, times);
  return segments;
}

}  // namespace detail

/// Renders `messages` for the model. An image is decoded to be measured and hashed; its ImageSource in `messages` keeps
/// the result, so later calls skip it. Videos are decoded on every call. Throws InputError, LimitError, FileError, and
/// Cancelled soon after image_options.stop_flag is set.
template <class M, Team T, class P>
Prompt build_prompt(const ChatModel<M>& model, const VisionRunner<M, T, P>& vision, std::span<ChatMessage> messages,
                    std::span<const Tool> tools, const ChatOptions& chat, const ImageOptions& image_options) {
  Prompt prompt;
  prompt.sequence = Sequence(position_rule_of<M>());
  std::vector<Message> plain;
  std::vector<PromptMedia> images;
  std::vector<PromptMedia> videos;
  std::vector<std::vector<double>> times;
  const auto merge = static_cast<std::size_t>(vision.preprocess().layout.merge);
  for (ChatMessage& message : messages) {
    Message m{message.role, {}, message.reasoning, message.tool_calls};
    for (Part& part : message.parts) {
      if (auto* text = std::get_if<std::string>(&part)) {
        m.parts.push_back(ContentPart::of(*text));
      } else if (auto* image = std::get_if<ImageSource>(&part)) {
        m.parts.push_back(ContentPart::image());
        const ImageOptions decoding = decode_options(vision, image_options, image->max_pixels());
        const ImageSource::Terms terms{decoding.alpha,
                                       decoding.background,
                                       decoding.hint,
                                       decoding.strict,
                                       lowered(vision.preprocess().image_limits, image->max_pixels()),
                                       vision.preprocess().layout};
        if (const auto& known = image->description(); !known || known->terms != terms) {
          const auto [key, grid] = vision.describe(image->decode(decoding), image->max_pixels());
          image->set_description(
              {key, static_cast<std::size_t>(grid.h) / merge, static_cast<std::size_t>(grid.w) / merge, terms});
        }
        const ImageSource::Description& d = *image->description();
        images.push_back({image, nullptr, d.key, d.grid_h, d.grid_w});
      } else {
        Video& v = std::get<Video>(part);
        m.parts.push_back(ContentPart::video());
        times.push_back(detail::slice_seconds(v, static_cast<std::size_t>(vision.preprocess().layout.temporal)));
        const auto [key, grid] =
            vision.describe_video(detail::decode_frames(v, decode_options(vision, image_options)), v.max_pixels);
        videos.push_back(
            {nullptr, &v, key, static_cast<std::size_t>(grid.h) / merge, static_cast<std::size_t>(grid.w) / merge});
      }
    }
    plain.push_back(std::move(m));
  }
  const std::vector<Segment> segments = detail::render_messages(model, plain, times, tools, chat);
  prompt.opens_thoughts =
      !segments.empty() && segments.back().kind == Segment::Kind::template_text && opens_thoughts(segments.back().text);

  std::size_t done = 0;
  const auto take_text = [&](const std::vector<int>& ids) {
    prompt.sequence.append(std::span<const int>(ids).subspan(done));
    done = ids.size();
  };
  const std::vector<int> ids =
      encode_segments(model.tokenizer(), segments, [&](const Segment& segment, std::vector<int>& so_far) {
        take_text(so_far);
        const bool still = segment.kind == Segment::Kind::image;
        const PromptMedia& item = still ? images.at(segment.index) : videos.at(segment.index);
        prompt.sequence.append(item.key, item.grid_h, item.grid_w, segment.slice.value_or(0),
                               still ? *model.image_token() : *model.video_token());
        prompt.visual_tokens += item.grid_h * item.grid_w;
      });
  take_text(ids);
  prompt.media = std::move(images);
  prompt.media.insert(prompt.media.end(), videos.begin(), videos.end());
  return prompt;
}

/// Attaches features to every image and video of the prompt with cells beyond the first `keep`. Takes them from the
/// feature cache, or decodes the media (again) and runs the vision encoder. `progress(done, total, fraction)` counts
/// distinct images and videos; the fraction of the work, by tokens, grows with every block of the encoder. Returns the
/// number of images and videos. Throws InputError if an image is not the one that build_prompt() decoded, Cancelled
/// soon after image_options.stop_flag is set.
template <class M, Team T, class P, class Progress>
std::size_t attach_features(VisionRunner<M, T, P>& vision, Prompt& prompt, std::size_t keep,
                            const ImageOptions& image_options, Progress&& progress) {
  std::vector<const PromptMedia*> wanted;
  const auto spans = prompt.sequence.visuals();
  for (const PromptMedia& item : prompt.media) {
    const bool needed = std::any_of(spans.begin(), spans.end(), [&](const VisualSpan& s) {
      return s.key == item.key && s.begin + s.tokens > keep;
    });
    const bool repeated =
        std::any_of(wanted.begin(), wanted.end(), [&](const PromptMedia* w) { return w->key == item.key; });
    if (needed && !repeated) wanted.push_back(&item);
  }
  std::vector<double> tokens(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    for (const VisualSpan& s : spans) tokens[i] += s.key == wanted[i]->key ? static_cast<double>(s.tokens) : 0.0;
  }
  const double all = std::accumulate(tokens.begin(), tokens.end(), 0.0);
  double before = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const PromptMedia* item = wanted[i];
    progress(i, wanted.size(), before / all);
    auto features = vision.find(item->key);
    if (!features) {
      const StopFlag* stop = image_options.stop_flag;
      const VisionProgress blocks = [&](std::size_t done, std::size_t total) {
        progress(i, wanted.size(), (before + tokens[i] * static_cast<double>(done) / static_cast<double>(total)) / all);
      };
      if (item->image != nullptr) {
        const auto own = item->image->max_pixels();
        features = vision.encode(item->image->decode(decode_options(vision, image_options, own)), own, stop, blocks);
      } else {
        const ImageOptions decode = decode_options(vision, image_options);
        features =
            vision.encode_video(detail::decode_frames(*item->video, decode), item->video->max_pixels, stop, blocks);
      }
    }
    if (!(features->key == item->key)) throw InputError("an image changed while it was being read");
    prompt.sequence.attach(features);
    before += tokens[i];
    progress(i + 1, wanted.size(), before / all);
  }
  return wanted.size();
}

VLMT_END_NAMESPACE
