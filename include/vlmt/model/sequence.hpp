// The cells of a sequence: one per token or visual feature, with three rotary positions each.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/model/vision_features.hpp"

VLMT_BEGIN_NAMESPACE

/// A run of cells filled with vision features: one image, or one slice of a video.
struct VisualSpan {
  std::size_t begin = 0;                           ///< first cell
  std::size_t tokens = 0;                          ///< cells: grid_h * grid_w, fewer if the span was truncated
  std::size_t first_row = 0;                       ///< row of the features that the first cell takes
  ContentKey key;                                  ///< key of the features
  std::shared_ptr<const VisionFeatures> features;  ///< null until attached
};

/// How the cells of images are numbered for the rotary embedding.
enum class PositionRule : std::uint8_t {
  grid,   ///< three positions (t, h, w) a cell; an image of gh x gw cells advances them by max(gh, gw) only
          ///< (Qwen2-VL, 2.1)
  cells,  ///< the index of the cell, as that of a token
};

/// The rule of a family: M::position_rule, or what its rotary embedding needs.
template <class M>
constexpr PositionRule position_rule_of() noexcept {
  if constexpr (requires { M::position_rule; }) {
    return M::position_rule;
  } else {
    return M::Rotary::axes == 1 ? PositionRule::cells : PositionRule::grid;
  }
}

/// Cells in order. The index of a cell is its slot in the KV cache and its causal position. Its rotary positions follow
/// from a PositionRule.
class Sequence {
 public:
  Sequence() = default;
  explicit Sequence(PositionRule rule) noexcept : rule_(rule) {}

  std::size_t size() const noexcept { return tokens_.size(); }
  bool empty() const noexcept { return tokens_.empty(); }
  /// Token ids; visual cells hold the placeholder id.
  std::span<const int> tokens() const noexcept { return tokens_; }
  /// Rotary positions of all cells along axis t (0), h (1) or w (2); all are equal under PositionRule::cells.
  std::span<const int> positions(std::size_t axis) const noexcept { return positions_[axis]; }
  std::span<const VisualSpan> visuals() const noexcept { return visuals_; }
  /// Rotary position of a text token appended next.
  int next_position() const noexcept { return next_; }

  void reserve(std::size_t n) {
    tokens_.reserve(n);
    keys_.reserve(n);
    for (auto& p : positions_) p.reserve(n);
  }

  void append(int token) {
    push(token, next_, next_, next_, static_cast<std::uint64_t>(static_cast<std::uint32_t>(token)));
    ++next_;
  }
  void append(std::span<const int> tokens) {
    for (int t : tokens) append(t);
  }
  /// Appends slice `slice` of an image or video with gh x gw cells per slice; `pad` is the placeholder token. The
  /// features are attached later.
  void append(const ContentKey& key, std::size_t gh, std::size_t gw, std::size_t slice, int pad) {
    visuals_.push_back({size(), gh * gw, slice * gh * gw, key, nullptr});
    for (std::size_t r = 0; r < gh; ++r) {
      for (std::size_t c = 0; c < gw; ++c) {
        const std::uint64_t row = visuals_.back().first_row + r * gw + c;
        const Key of_cell{key.high, key.low, row};
        if (rule_ == PositionRule::cells) {
          push(pad, next_, next_, next_, of_cell);
          ++next_;
        } else {
          push(pad, next_, next_ + static_cast<int>(r), next_ + static_cast<int>(c), of_cell);
        }
      }
    }
    if (rule_ == PositionRule::grid) next_ += static_cast<int>(std::max(gh, gw));
  }
  /// As above, with features attached.
  void append(const std::shared_ptr<const VisionFeatures>& features, std::size_t slice, int pad) {
    VLMT_ASSERT(features != nullptr && slice < features->slices);
    append(features->key, features->grid_h, features->grid_w, slice, pad);
    visuals_.back().features = features;
  }
  /// Attaches features to every span with the same key.
  void attach(const std::shared_ptr<const VisionFeatures>& features) {
    for (VisualSpan& span : visuals_) {
      if (span.key == features->key) span.features = features;
    }
  }
  /// Releases all features. Cells that have been computed no longer need them.
  void release_features() noexcept {
    for (VisualSpan& span : visuals_) span.features.reset();
  }

  /// Becomes the first n cells of `other`, without features. This sequence must be a prefix of them.
  void extend(const Sequence& other, std::size_t n) {
    VLMT_DASSERT(size() <= n && n <= other.size());
    const auto begin = static_cast<std::ptrdiff_t>(size());
    const auto end = static_cast<std::ptrdiff_t>(n);
    tokens_.insert(tokens_.end(), other.tokens_.begin() + begin, other.tokens_.begin() + end);
    keys_.insert(keys_.end(), other.keys_.begin() + begin, other.keys_.begin() + end);
    for (std::size_t a = 0; a < 3; ++a) {
      positions_[a].insert(positions_[a].end(), other.positions_[a].begin() + begin, other.positions_[a].begin() + end);
    }
    visuals_.clear();
    for (const VisualSpan& span : other.visuals_) {
      if (span.begin >= n) break;
      visuals_.push_back(span);
      visuals_.back().tokens = std::min(span.tokens, n - span.begin);
    }
    release_features();
    next_ = n == other.size() ? other.next_ : other.position_after(n);
  }

  /// Number of leading cells that are equal: same tokens, or same rows of images with the same key.
  std::size_t common_prefix(const Sequence& other) const noexcept {
    const std::size_t n = std::min(size(), other.size());
    std::size_t i = 0;
    while (i < n && keys_[i] == other.keys_[i]) ++i;
    return i;
  }

  /// Removes cells [n, size()). n may lie inside an image.
  void truncate(std::size_t n) {
    if (n >= size()) return;
    next_ = position_after(n);
    while (!visuals_.empty() && visuals_.back().begin >= n) visuals_.pop_back();
    if (!visuals_.empty()) visuals_.back().tokens = std::min(visuals_.back().tokens, n - visuals_.back().begin);
    tokens_.resize(n);
    keys_.resize(n);
    for (auto& p : positions_) p.resize(n);
  }

 private:
  // Rotary position of a text token after the first n cells, n < size(). It is the position of cell n, unless cell n
  // lies inside an image: then it is one past the largest position of the cells that remain of the image.
  int position_after(std::size_t n) const noexcept {
    for (const VisualSpan& span : visuals_) {
      if (span.begin >= n || n >= span.begin + span.tokens) continue;
      int next = 0;
      for (std::size_t i = span.begin; i < n; ++i) {
        for (const auto& p : positions_) next = std::max(next, p[i] + 1);
      }
      return next;
    }
    return positions_[0][n];
  }

  struct Key {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::uint64_t row = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  static constexpr std::uint64_t text_row = ~std::uint64_t{0};

  void push(int token, int t, int h, int w, std::uint64_t text) { push(token, t, h, w, Key{text, 0, text_row}); }
  void push(int token, int t, int h, int w, Key key) {
    tokens_.push_back(token);
    keys_.push_back(key);
    positions_[0].push_back(t);
    positions_[1].push_back(h);
    positions_[2].push_back(w);
  }

  std::vector<int> tokens_;
  std::vector<Key> keys_;
  std::array<std::vector<int>, 3> positions_;
  std::vector<VisualSpan> visuals_;
  int next_ = 0;
  PositionRule rule_ = PositionRule::grid;
};

VLMT_END_NAMESPACE
