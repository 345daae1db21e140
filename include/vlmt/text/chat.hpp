// Conversations, and their rendering by a chat template as segments: template text, user text, images and videos.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/text/reasoning.hpp"
#include "vlmt/text/tokenizer.hpp"

VLMT_BEGIN_NAMESPACE

enum class Role : std::uint8_t { system, user, assistant, tool };

/// Name of a role in requests and templates.
constexpr std::string_view role_name(Role role) noexcept {
  switch (role) {
    case Role::system:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
    case Role::tool:
      break;
  }
  return "tool";
}

/// The role with this name. Throws InputError for any other name.
inline Role parse_role(std::string_view name) {
  for (const Role role : {Role::system, Role::user, Role::assistant, Role::tool}) {
    if (role_name(role) == name) return role;
  }
  throw InputError("unknown role", {.file = {},
                                    .offset = {},
                                    .field = "role",
                                    .expected = "system, user, assistant or tool",
                                    .found = std::string(name)});
}

/// A part of a message. Images and videos are placeholders: the k-th image of the conversation is the k-th image that
/// the caller passes; videos are counted separately.
struct ContentPart {
  enum class Kind : std::uint8_t { text, image, video };
  Kind kind = Kind::text;
  std::string text;  ///< for Kind::text

  static ContentPart of(std::string text) { return {Kind::text, std::move(text)}; }
  static ContentPart image() { return {Kind::image, {}}; }
  static ContentPart video() { return {Kind::video, {}}; }
};

/// A tool call by the assistant.
struct ToolCall {
  std::string name;
  std::string arguments;  ///< JSON object as formatted by to_hf_json() (text/hf_json.hpp)
};

/// A tool that the assistant may call: its signature as JSON, as formatted by to_hf_json().
struct Tool {
  std::string json;
};

struct Message {
  Role role = Role::user;
  std::vector<ContentPart> parts;
  std::optional<std::string> reasoning;  ///< assistant only: reasoning, separate from the answer
  std::vector<ToolCall> tool_calls;      ///< assistant only

  static Message of(Role role, std::string text) { return {role, {ContentPart::of(std::move(text))}, {}, {}}; }
};

/// Options of a chat template.
struct ChatOptions {
  bool add_generation_prompt = true;  ///< end with the start of the assistant's turn
  bool thinking = false;              ///< render for the thinking variant of the family
  bool add_vision_id = false;         ///< number images and videos in the text ("Picture 1: ")
  Thinking think = Thinking::automatic;
  bool switchable = false;  ///< Thinking::off adds an empty block of thoughts for an instruct variant, too
};

/// A segment of a rendered conversation.
struct Segment {
  enum class Kind : std::uint8_t {
    template_text,  ///< trusted: names of control tokens become control tokens
    user_text,      ///< untrusted: names of control tokens stay plain text
    image,          ///< tokens of image `index`
    video           ///< tokens of video `index`, or of its time slice `slice`
  };
  Kind kind = Kind::template_text;
  std::string text;       ///< for template_text and user_text
  std::size_t index = 0;  ///< from 0; images and videos are counted separately
  std::optional<std::size_t> slice = {};

  bool is_text() const noexcept { return kind == Kind::template_text || kind == Kind::user_text; }
  friend bool operator==(const Segment&, const Segment&) = default;
};

/// Builds a list of segments; adjacent text of one kind becomes one segment.
class SegmentBuilder {
 public:
  void text(Segment::Kind kind, std::string_view text) {
    if (text.empty()) return;
    if (segments_.empty() || segments_.back().kind != kind) segments_.push_back({.kind = kind, .text = {}});
    segments_.back().text += text;
  }
  void ours(std::string_view t) { text(Segment::Kind::template_text, t); }
  void theirs(std::string_view t) { text(Segment::Kind::user_text, t); }
  void media(Segment::Kind kind, std::size_t index, std::optional<std::size_t> slice = {}) {
    segments_.push_back({.kind = kind, .text = {}, .index = index, .slice = slice});
  }
  std::vector<Segment> finish() { return std::move(segments_); }

 private:
  std::vector<Segment> segments_;
};

/// Ids of a rendered conversation. Text between images and videos is encoded in one call (see BpeTokenizer::encode);
/// control tokens are recognised in template text only. For each image or video, `on_media(segment, ids)` appends its
/// ids. Throws as the tokenizer does.
template <Tokenizer T, class OnMedia>
std::vector<int> encode_segments(const T& tokenizer, std::span<const Segment> segments, OnMedia&& on_media) {
  std::vector<int> ids;
  std::vector<TextPiece> pieces;
  const auto flush = [&] {
    tokenizer.encode(std::span<const TextPiece>(pieces), ids);
    pieces.clear();
  };
  for (const Segment& segment : segments) {
    if (segment.is_text()) {
      const bool ours = segment.kind == Segment::Kind::template_text;
      pieces.push_back({segment.text, ours ? ParseSpecial::on : ParseSpecial::off});
    } else {
      flush();
      on_media(segment, ids);
    }
  }
  flush();
  return ids;
}

VLMT_END_NAMESPACE
