// Filter of the groups of quantised rows that have a correction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/activation_rows.hpp"

VLMT_BEGIN_NAMESPACE

namespace cpu {

/// Groups that have a correction in at least one row, found once for all tiles. A 512-bit filter: groups that are a
/// multiple of 512 apart share a bit, and a collision only adds zeros.
class CorrectedGroups {
 public:
  CorrectedGroups() = default;
  CorrectedGroups(const QuantizedRows& q, std::size_t rows, std::size_t cols) noexcept {
    if (q.corrections == nullptr) return;
    const std::size_t groups = QuantizedRows::row_groups(cols);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::uint8_t* marks = q.corrected + r * q.stride;
      std::size_t g = 0;
      for (; g + 8 <= groups; g += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, marks + g, sizeof eight);
        if (eight == 0) continue;
        for (std::size_t i = 0; i < 8; ++i) mark(g + i, marks[g + i]);
      }
      for (; g < groups; ++g) mark(g, marks[g]);
    }
  }

  bool some() const noexcept { return some_; }
  bool any(std::size_t g) const noexcept { return (words_[g % bits / 64] >> g % 64 & 1) != 0; }

 private:
  static constexpr std::size_t bits = 512;

  void mark(std::size_t g, std::uint8_t corrected) noexcept {
    words_[g % bits / 64] |= std::uint64_t{corrected} << g % 64;
    some_ = some_ || corrected != 0;
  }

  std::uint64_t words_[bits / 64] = {};
  bool some_ = false;
};

}  // namespace cpu

VLMT_END_NAMESPACE
