// Finds the boxes and points in an answer, in the forms in which models write them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/places/json_snippet.hpp"
#include "vlmt/text/places/place.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// The places of an answer, and what could not be read.
struct FoundPlaces {
  std::vector<Place> places;   ///< in the order of the answer, at most max_places
  bool cut = false;            ///< the answer ends inside a list of places: the last may be missing
  std::size_t unreadable = 0;  ///< places whose coordinates are not two or four numbers
  std::size_t left_out = 0;    ///< places beyond max_places
  bool too_long = false;       ///< only the first max_answer_bytes were read
};

inline constexpr std::size_t max_places = 10'000;
inline constexpr std::size_t max_label_bytes = 1'000;

/// Finds boxes and points, in this order of forms:
///
/// - objects of JSON, in a fence or not, with prose around them or not, alone, in lists or deeper:
///   {"bbox_2d": [x1, y1, x2, y2], "label": "..."} and {"point_2d": [x, y], "label": "..."}. The keys `bbox` and
///   `point`, corners as two pairs and several boxes in one list are known, too. The label is that of `label`, else
///   `text_content`, `text`, `name` or `category`; `image` or `image_index` counts images from 1.
/// - tags: <|box_start|>(x1,y1),(x2,y2)<|box_end|> after <|object_ref_start|>label<|object_ref_end|>, their older names
///   <box> and <ref>, <|point_start|>(x,y)<|point_end|>, and <points x1="..." y1="..." alt="label"> or <point x= y=>.
/// - if there are none of these, an answer that is nothing but (x,y) pairs, [[x,y],...] or lists of four numbers,
///   perhaps in a fence.
///
/// Any bytes are an answer: reading takes time and memory in proportion to them, and nothing is thrown but bad_alloc.
FoundPlaces find_places(std::string_view answer);

#if VLMT_HAS_BODIES

namespace detail {

class PlaceFinder {
 public:
  explicit PlaceFinder(std::string_view answer) : text_(answer.substr(0, max_answer_bytes)) {
    out_.too_long = answer.size() > text_.size();
  }

  FoundPlaces find() {
    for (std::size_t at = 0; (at = text_.find_first_of("{[<", at)) != std::string_view::npos;) {
      at = text_[at] == '<' ? tag(at) : json(at);
    }
    if (!out_.places.empty() || out_.unreadable > 0) return std::move(out_);
    FoundPlaces none = out_;
    if (!plain() || out_.places.empty()) return none;
    return std::move(out_);
  }

 private:
  using Kind = Place::Kind;
  using Numbers = std::vector<double>;

  // ---- JSON

  std::size_t json(std::size_t at) {
    const JsonSnippet snippet = read_json_snippet(text_, at);
    bool named = false;
    for (std::size_t i = 0; i < snippet.nodes.size(); ++i) {
      const JsonNode& node = snippet.nodes[i];
      if (node.kind == JsonNode::Kind::object && node.whole) object(snippet.nodes, i);
      named |= node.kind == JsonNode::Kind::key && kind_of(text_.substr(node.begin, node.end - node.begin));
    }
    if (snippet.state == JsonSnippet::State::cut && named) out_.cut = true;
    return snippet.end;
  }

  static std::optional<Kind> kind_of(std::string_view key) {
    if (key == "bbox_2d" || key == "bbox") return Kind::box;
    if (key == "point_2d" || key == "point") return Kind::point;
    return std::nullopt;
  }

  void object(const std::vector<JsonNode>& nodes, std::size_t object) {
    constexpr std::array<std::string_view, 5> label_keys = {"label", "text_content", "text", "name", "category"};
    Place place;
    place.offset = nodes[object].begin;
    std::size_t value = 0, label_rank = label_keys.size();
    for_each_json_member(text_, nodes, object, [&](std::string_view key, std::size_t i) {
      if (const auto kind = kind_of(key)) {
        place.kind = *kind;
        value = i;
      } else if (key == "image" || key == "image_index") {
        place.image = image_number(nodes[i]);
      } else if (nodes[i].kind == JsonNode::Kind::string) {
        const auto rank =
            static_cast<std::size_t>(std::find(label_keys.begin(), label_keys.end(), key) - label_keys.begin());
        if (rank < label_rank) place.label = json_string(text_, nodes[i], max_label_bytes);
        label_rank = std::min(label_rank, rank);
      }
    });
    if (value != 0) coordinates(nodes, value, place);
  }

  // [x, y] and [x1, y1, x2, y2], lists of these, and a box as [[x1, y1], [x2, y2]].
  void coordinates(const std::vector<JsonNode>& nodes, std::size_t value, const Place& place) {
    if (nodes[value].kind != JsonNode::Kind::array) {
      ++out_.unreadable;
      return;
    }
    Numbers own;
    std::vector<Numbers> lists;
    bool sound = true;
    for_each_json_item(nodes, value, [&](std::size_t item) {
      if (const auto number = json_number(text_, nodes[item])) {
        own.push_back(*number);
      } else if (nodes[item].kind == JsonNode::Kind::array) {
        lists.emplace_back();
        for_each_json_item(nodes, item, [&](std::size_t inner) {
          const auto coordinate = json_number(text_, nodes[inner]);
          sound &= coordinate.has_value();
          lists.back().push_back(coordinate.value_or(0.0));
        });
      } else {
        sound = false;
      }
    });
    if (!sound || own.empty() == lists.empty()) {
      out_.unreadable += nodes[value].next > value + 1;  // an empty list says that there are none
      return;
    }
    if (lists.empty()) lists.push_back(std::move(own));
    if (place.kind == Kind::box && lists.size() == 2 && lists[0].size() == 2 && lists[1].size() == 2) {
      lists = {{lists[0][0], lists[0][1], lists[1][0], lists[1][1]}};
    }
    for (const Numbers& list : lists) add(list, place);
  }

  // 2, or a text that ends with it: "image 2".
  std::optional<int> image_number(const JsonNode& node) const {
    std::string_view text = text_.substr(node.begin, node.end - node.begin);
    const std::size_t digits = text.find_last_not_of("0123456789") + 1;  // npos + 1: all
    const bool fits = node.kind == JsonNode::Kind::string || (node.kind == JsonNode::Kind::number && digits == 0);
    const auto number = fits ? bounded_number(text.substr(digits)) : std::nullopt;
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
  }

  // ---- tags

  struct Tag {
    std::string_view begin, end;
    enum class Use : std::uint8_t { label, box, point } use;
  };
  static constexpr std::array<Tag, 5> tags = {{{"<|object_ref_start|>", "<|object_ref_end|>", Tag::Use::label},
                                               {"<ref>", "</ref>", Tag::Use::label},
                                               {"<|box_start|>", "<|box_end|>", Tag::Use::box},
                                               {"<box>", "</box>", Tag::Use::box},
                                               {"<|point_start|>", "<|point_end|>", Tag::Use::point}}};

  std::size_t tag(std::size_t at) {
    const std::string_view rest = text_.substr(at);
    for (const Tag& t : tags) {
      if (!rest.starts_with(t.begin)) continue;
      const std::size_t begin = at + t.begin.size();
      const std::size_t end = std::min(text_.find('<', begin), text_.size());
      if (text_.substr(end, t.end.size()) != t.end) {
        out_.cut |= text_.size() - end < t.end.size();  // the text ends before the end tag does
        return end;
      }
      const std::string_view inside = text_.substr(begin, end - begin);
      if (t.use == Tag::Use::label) {
        label_ = to_valid_utf8(inside.substr(0, max_label_bytes));
      } else {
        groups(inside, t.use == Tag::Use::box ? 4 : 2, t.use == Tag::Use::box ? Kind::box : Kind::point, at);
      }
      return end + t.end.size();
    }
    if (rest.starts_with("<point ") || rest.starts_with("<points ")) return points(at);
    return at + 1;
  }

  // The numbers inside of a tag: `each` of them are a place.
  void groups(std::string_view inside, std::size_t each, Kind kind, std::size_t offset) {
    Place place{.kind = kind, .model = {}, .label = label_, .image = {}, .offset = offset};
    Numbers numbers;
    for (std::size_t at = 0; (at = inside.find_first_of(numeric, at)) != std::string_view::npos;) {
      const std::size_t end = std::min(inside.find_first_not_of(numeric, at), inside.size());
      if (const auto number = bounded_number(inside.substr(at, end - at))) numbers.push_back(*number);
      at = end;
      if (numbers.size() < each) continue;
      add(numbers, place);
      numbers.clear();
    }
    out_.unreadable += !numbers.empty();
  }

  // <points x1="10" y1="20" x2="30" y2="40" alt="label">
  std::size_t points(std::size_t at) {
    const std::size_t end = text_.find_first_of("<>", at + 1);
    if (end == std::string_view::npos || text_[end] == '<') {
      out_.cut |= end == std::string_view::npos;
      return std::min(end, text_.size());
    }
    const std::string_view inside = text_.substr(at, end - at);
    const Place place{.kind = Kind::point, .model = {}, .label = {}, .image = {}, .offset = at};
    const std::size_t first = out_.places.size();
    std::string label;
    std::string_view last;  // the index of x, while its y is awaited
    std::optional<double> x;
    std::size_t from = 0;  // of the attribute
    for (std::size_t i = 0; (i = inside.find('=', from)) != std::string_view::npos;) {
      std::string_view key = inside.substr(from, i - from);
      key.remove_prefix(key.find_last_of(" \t\n") + 1);
      from = i + 1;
      if (from == inside.size()) break;
      const char quote = inside[from];
      if (quote != '"' && quote != '\'') continue;
      const std::size_t close = std::min(inside.find(quote, from + 1), inside.size());
      const std::string_view value = inside.substr(from + 1, close - from - 1);
      from = close;
      if (key == "alt") label = to_valid_utf8(value.substr(0, max_label_bytes));
      if (key.starts_with('x')) {
        x = bounded_number(value);
        last = key.substr(1);
      } else if (key.starts_with('y') && key.substr(1) == last) {
        const auto y = bounded_number(value);
        add(x && y ? Numbers{*x, *y} : Numbers{}, place);
      }
    }
    for (std::size_t i = first; i < out_.places.size(); ++i) out_.places[i].label = label;
    return end + 1;
  }

  // ---- an answer that is nothing but numbers in brackets

  // False if it is something else; then places may have been added.
  bool plain() {
    const auto [begin, end] = without_fence();
    Numbers numbers;
    std::size_t depth = 0, opened = 0;
    char bracket = 0;
    for (std::size_t at = begin; at < end;) {
      const char c = text_[at];
      if (c == '(' || c == '[') {
        if (!numbers.empty()) return false;
        ++depth;
        bracket = c;
        opened = at++;
      } else if (c == ')' || c == ']') {
        if (depth == 0) return false;
        if (!numbers.empty()) {  // else it closes a list of places
          // [x, y] alone may be anything.
          const bool pair = numbers.size() == 2 && (bracket == '(' || depth > 1);
          if (!pair && numbers.size() != 4) return false;
          add(numbers, {.kind = Kind::box, .model = {}, .label = {}, .image = {}, .offset = opened});
          numbers.clear();
        }
        --depth;
        ++at;
      } else if (numeric.find(c) != std::string_view::npos) {
        const std::size_t stop = std::min(text_.find_first_not_of(numeric, at), end);
        const auto number = bounded_number(text_.substr(at, stop - at));
        if (!number || depth == 0 || numbers.size() == 4) return false;
        numbers.push_back(*number);
        at = stop;
      } else if (std::string_view(",; \t\r\n").find(c) != std::string_view::npos) {
        ++at;
      } else {
        return false;
      }
    }
    out_.cut = depth > 0;
    return true;
  }

  // The answer without white space and a fence around it.
  std::pair<std::size_t, std::size_t> without_fence() const {
    constexpr std::string_view space = " \t\r\n";
    constexpr std::size_t npos = std::string_view::npos;
    std::size_t begin = std::min(text_.find_first_not_of(space), text_.size());
    if (text_.substr(begin, 3) == "```") begin = std::min(text_.find('\n', begin), text_.size());
    const std::size_t last = text_.find_last_not_of(space);
    std::size_t end = last == npos ? begin : std::max(begin, last + 1);
    if (end - begin >= 3 && text_.substr(end - 3, 3) == "```") end -= 3;
    return {begin, end};
  }

  // ----

  // Two numbers are a point, four a box, whatever the key says.
  void add(const Numbers& numbers, Place place) {
    if (numbers.size() == 2) {
      place.kind = Kind::point;
      place.model = {numbers[0], numbers[1], numbers[0], numbers[1]};
    } else if (numbers.size() == 4) {
      place.kind = Kind::box;
      place.model = {numbers[0], numbers[1], numbers[2], numbers[3]};
    } else {
      ++out_.unreadable;
      return;
    }
    if (out_.places.size() == max_places) {
      ++out_.left_out;
    } else {
      out_.places.push_back(std::move(place));
    }
  }

  static constexpr std::string_view numeric = "0123456789+-.eE";

  std::string_view text_;
  std::string label_;  // of the last tag that names an object
  FoundPlaces out_;
};

}  // namespace detail

VLMT_BODY FoundPlaces find_places(std::string_view answer) {
  return detail::PlaceFinder(answer).find();
}

#endif

VLMT_END_NAMESPACE
