// The tokens of a vocabulary as a trie of their bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// A trie in preorder: the nodes under node i are i + 1 to end - 1. Each text carries a value; equal texts share a
/// node.
class TokenTrie {
 public:
  struct Node {
    std::uint32_t end;     ///< index after the last node under this one
    std::uint32_t values;  ///< first of its own values; those of all nodes under it follow
    std::uint16_t depth;   ///< bytes from the root
    std::uint8_t byte;
  };
  static constexpr std::size_t max_depth = 0xFFFF;

  TokenTrie() : TokenTrie(std::vector<std::pair<std::string_view, std::uint32_t>>{}) {}

  /// Of (text, value); a text has at most max_depth bytes. The texts are needed during the call only.
  explicit TokenTrie(std::vector<std::pair<std::string_view, std::uint32_t>> texts) {
    std::sort(texts.begin(), texts.end());
    values_.reserve(texts.size());
    std::vector<std::uint32_t> path{0};
    nodes_.push_back({0, 0, 0, 0});
    std::string_view last;
    for (const auto& [text, value] : texts) {
      std::size_t common = 0;
      while (common < text.size() && common < last.size() && text[common] == last[common]) ++common;
      close(path, common + 1);
      for (std::size_t i = common; i < text.size(); ++i) {
        path.push_back(static_cast<std::uint32_t>(nodes_.size()));
        nodes_.push_back({0, static_cast<std::uint32_t>(values_.size()), static_cast<std::uint16_t>(i + 1),
                          static_cast<std::uint8_t>(text[i])});
      }
      longest_ = std::max(longest_, text.size());
      values_.push_back(value);
      last = text;
    }
    close(path, 0);
    nodes_.push_back({0, static_cast<std::uint32_t>(values_.size()), 0, 0});
  }

  std::uint32_t size() const noexcept { return nodes_[0].end; }
  std::size_t longest() const noexcept { return longest_; }
  const Node& operator[](std::uint32_t i) const noexcept { return nodes_[i]; }
  /// Values of the texts that end at node i.
  std::span<const std::uint32_t> own(std::uint32_t i) const noexcept {
    return std::span(values_).subspan(nodes_[i].values, nodes_[i + 1].values - nodes_[i].values);
  }
  std::span<const std::uint32_t> values() const noexcept { return values_; }
  /// The child of node i for a byte, or 0.
  std::uint32_t child(std::uint32_t i, std::uint8_t byte) const noexcept {
    for (std::uint32_t c = i + 1; c < nodes_[i].end; c = nodes_[c].end) {
      if (nodes_[c].byte == byte) return c;
    }
    return 0;
  }

  /// Visits nodes under `top` in preorder, with a state for each depth: `visit(node, state of its parent, out)` fills
  /// in the state of the node and returns whether nodes under it are visited, too. `states` is kept by the caller.
  template <class S, class F>
  void walk(std::uint32_t top, const S& state, std::vector<S>& states, F&& visit) const {
    const std::size_t base = nodes_[top].depth;
    states.resize(std::max(states.size(), longest_ - base + 1), state);
    states[0] = state;
    for (std::uint32_t i = top + 1, end = nodes_[top].end; i < end;) {
      const Node& n = nodes_[i];
      const std::size_t depth = n.depth - base;
      i = visit(i, states[depth - 1], states[depth]) ? i + 1 : n.end;
    }
  }

  std::size_t bytes() const noexcept {
    return nodes_.capacity() * sizeof(Node) + values_.capacity() * sizeof(std::uint32_t);
  }

 private:
  void close(std::vector<std::uint32_t>& path, std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
  }

  std::vector<Node> nodes_;  // and one after the last
  std::vector<std::uint32_t> values_;
  std::size_t longest_ = 0;
};

}  // namespace grammar

VLMT_END_NAMESPACE
