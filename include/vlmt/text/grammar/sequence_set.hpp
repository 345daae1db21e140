// Short sequences of numbers, each stored once and known by its index.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Interned sequences. Index 0 is the empty one.
class SequenceSet {
 public:
  SequenceSet() : table_(64, 0) { begin_ = {0, 0}; }

  /// The index of a sequence; the same one for equal sequences. `words` must not lie in the set.
  std::uint32_t intern(std::span<const std::uint32_t> words) {
    if (words.empty()) return 0;
    if (size() * 2 > table_.size()) grow();
    for (std::size_t at = hash(words) & (table_.size() - 1);; at = (at + 1) & (table_.size() - 1)) {
      if (table_[at] == 0) {
        table_[at] = static_cast<std::uint32_t>(size());
        const std::size_t old = words_.size();
        words_.resize(old + words.size());
        std::copy(words.begin(), words.end(), words_.begin() + static_cast<std::ptrdiff_t>(old));
        begin_.push_back(words_.size());
        return table_[at];
      }
      const auto known = (*this)[table_[at]];
      if (std::equal(known.begin(), known.end(), words.begin(), words.end())) return table_[at];
    }
  }

  /// Valid until the next intern().
  std::span<const std::uint32_t> operator[](std::uint32_t index) const noexcept {
    return std::span(words_).subspan(begin_[index], begin_[index + 1] - begin_[index]);
  }

  std::size_t size() const noexcept { return begin_.size() - 1; }
  std::size_t bytes() const noexcept {
    return table_.size() * sizeof(table_[0]) + begin_.size() * sizeof(begin_[0]) + words_.size() * sizeof(words_[0]);
  }

 private:
  static std::size_t hash(std::span<const std::uint32_t> words) noexcept {
    std::uint64_t h = words.size();
    for (const std::uint32_t w : words) h = (h ^ w) * 0x9E3779B97F4A7C15u, h ^= h >> 32;
    return static_cast<std::size_t>(h);
  }

  void grow() {
    std::vector<std::uint32_t> table(table_.size() * 2, 0);
    for (std::uint32_t i = 1; i < size(); ++i) {
      std::size_t at = hash((*this)[i]) & (table.size() - 1);
      while (table[at] != 0) at = (at + 1) & (table.size() - 1);
      table[at] = i;
    }
    table_ = std::move(table);
  }

  std::vector<std::uint32_t> table_;  // indices, open addressing, a power of two
  std::vector<std::size_t> begin_;
  std::vector<std::uint32_t> words_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
