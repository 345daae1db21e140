// BPE merging: the merge table and the algorithm that applies it to one word in O(n log n).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/heap_bytes.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

struct Merge {
  static constexpr std::uint32_t none = UINT32_MAX;
  std::uint32_t rank = none;  // none: the pair does not merge
  int id = -1;                // merged token
};

// Pair of token ids -> merge. Merges are stored by rank; a hash table (open addressing, linear probing, at most half
// full) holds only ranks: an empty slot costs 4 bytes, and most lookups end at an empty slot without touching a merge.
class MergeTable {
 public:
  explicit MergeTable(std::size_t expected = 0)
      : slots_(std::bit_ceil(std::max<std::size_t>(2 * expected, 2)), Merge::none),
        shift_(64 - std::countr_zero(slots_.size())) {
    merges_.reserve(expected);
  }

  // Adds the merge of the next rank; at most `expected` calls. A duplicate pair keeps its last rank, as in Hugging Face
  // tokenizers.
  void add(int left, int right, int joined) noexcept {
    std::size_t at = home(left, right);
    while (slots_[at] != Merge::none && !merges_[slots_[at]].is_of(left, right)) at = after(at);
    slots_[at] = static_cast<std::uint32_t>(merges_.size());
    merges_.push_back({left, right, joined});
  }

  Merge find(int left, int right) const noexcept {
    for (std::size_t at = home(left, right); slots_[at] != Merge::none; at = after(at)) {
      const Pair& pair = merges_[slots_[at]];
      if (pair.is_of(left, right)) return {slots_[at], pair.joined};
    }
    return {};
  }

  std::size_t bytes() const noexcept { return heap_bytes(merges_) + heap_bytes(slots_); }

 private:
  struct Pair {
    int left, right, joined;
    bool is_of(int l, int r) const noexcept { return left == l && right == r; }
  };

  std::size_t home(int left, int right) const noexcept {
    const std::uint64_t key =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15u >> shift_);
  }
  std::size_t after(std::size_t slot) const noexcept { return (slot + 1) & (slots_.size() - 1); }

  std::vector<Pair> merges_;          // by rank
  std::vector<std::uint32_t> slots_;  // ranks
  int shift_;
};

// Applies merges to words: always the pair of lowest rank, the leftmost of equal ranks. Owns its scratch memory.
class Merger {
 public:
  explicit Merger(const MergeTable& table) noexcept : table_(table) {}

  // Merges ids[first...] in place and shrinks `ids`.
  void merge_tail(std::vector<int>& ids, std::size_t first) {
    const std::span<int> word(ids.data() + first, ids.size() - first);
    ids.resize(first + (word.size() <= short_word ? merge_short(word) : merge_long(word)));
  }

 private:
  // Up to this length, scanning all pairs is faster than a heap.
  static constexpr std::size_t short_word = 48;

  std::size_t merge_short(std::span<int> word) const noexcept {
    std::array<Merge, short_word> pairs;  // pairs[i]: merge of word[i], word[i + 1]
    std::size_t n = word.size();
    for (std::size_t i = 0; i + 1 < n; ++i) pairs[i] = table_.find(word[i], word[i + 1]);
    while (n > 1) {
      std::size_t best = 0;
      for (std::size_t i = 1; i + 1 < n; ++i) {
        if (pairs[i].rank < pairs[best].rank) best = i;
      }
      if (pairs[best].rank == Merge::none) break;
      word[best] = pairs[best].id;
      std::copy(word.begin() + static_cast<std::ptrdiff_t>(best) + 2, word.begin() + static_cast<std::ptrdiff_t>(n),
                word.begin() + static_cast<std::ptrdiff_t>(best) + 1);
      std::copy(pairs.begin() + best + 1, pairs.begin() + n - 1, pairs.begin() + best);
      --n;
      if (best > 0) pairs[best - 1] = table_.find(word[best - 1], word[best]);
      if (best + 1 < n) pairs[best] = table_.find(word[best], word[best + 1]);
    }
    return n;
  }

  // A linked list of symbols and a queue of (rank, position): initial pairs are sorted once, later ones go to a heap.
  // An entry is stale if the pair at its position has another rank; ranks are unique, so an equal rank is the same
  // pair.
  std::size_t merge_long(std::span<int> word) {
    const std::size_t n = word.size();
    symbols_.resize(n);
    first_.clear();
    later_.clear();
    for (std::size_t i = 0; i < n; ++i) {
      symbols_[i] = {word[i], static_cast<std::uint32_t>(i) - 1, static_cast<std::uint32_t>(i) + 1, {}};
      if (i + 1 == n) break;
      symbols_[i].pair = table_.find(word[i], word[i + 1]);
      if (symbols_[i].pair.rank != Merge::none) first_.push_back(entry(static_cast<std::uint32_t>(i)));
    }
    std::sort(first_.begin(), first_.end());
    for (auto next = first_.cbegin(); next != first_.cend() || !later_.empty();) {
      std::uint64_t top;
      if (later_.empty() || (next != first_.cend() && *next < later_.front())) {
        top = *next++;
      } else {
        top = later_.front();
        std::pop_heap(later_.begin(), later_.end(), std::greater<>());
        later_.pop_back();
      }
      const auto at = static_cast<std::uint32_t>(top);
      Symbol& left = symbols_[at];
      if (left.pair.rank != static_cast<std::uint32_t>(top >> 32)) continue;
      Symbol& right = symbols_[left.next];
      left.id = left.pair.id;
      left.next = right.next;
      right.id = gone;
      right.pair = {};
      if (left.next < n) symbols_[left.next].previous = at;
      update(at);
      if (at != 0) update(left.previous);
    }
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < n; i = symbols_[i].next) word[count++] = symbols_[i].id;
    return count;
  }

  static constexpr int gone = -1;
  struct Symbol {
    int id;
    std::uint32_t previous, next;  // next == n: last symbol
    Merge pair;                    // with the next symbol
  };

  std::uint64_t entry(std::uint32_t at) const noexcept {
    return static_cast<std::uint64_t>(symbols_[at].pair.rank) << 32 | at;
  }

  void update(std::uint32_t at) {
    Symbol& s = symbols_[at];
    s.pair = s.next < symbols_.size() ? table_.find(s.id, symbols_[s.next].id) : Merge{};
    if (s.pair.rank == Merge::none) return;
    later_.push_back(entry(at));
    std::push_heap(later_.begin(), later_.end(), std::greater<>());
  }

  const MergeTable& table_;
  std::vector<Symbol> symbols_;
  std::vector<std::uint64_t> first_, later_;
};

}  // namespace detail

VLMT_END_NAMESPACE
