// The sequences whose tokens are computed in one step. Each sequence has its own pages of a KV cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/kernel/kv_cache.hpp"
#include "vlmt/kernel/kv_pages.hpp"

VLMT_BEGIN_NAMESPACE

/// What the rows of a sequence are. It decides which attention kernel they take, so that the bits of a row depend
/// neither on how a prompt is cut into steps nor on the other sequences of a step.
enum class RowKind : std::uint8_t {
  prompt,     ///< given text and images: attention in tiles of rows
  generated,  ///< tokens that the model has chosen: attention split over the cache
};

/// The rows of one sequence in a step, and its keys and values in one layer.
struct SequenceRows {
  std::size_t index;  ///< of the sequence
  std::size_t first;  ///< row
  std::size_t rows;   ///< number of rows
  RowKind kind;
  const std::int32_t* start;  ///< slot of the first row
  PagedKv kv;
};

/// Rows [first[i], first[i + 1]) of a step are consecutive tokens of sequence i. They go to slots start[i], start[i] +
/// 1, ... of its pages. The host fills the arrays before the step runs; ops only read them. The pages must outlive the
/// step.
struct StepSequences {
  KvPageLayout* layouts = nullptr;     ///< (sequences): of the pages of each sequence
  std::byte** pages = nullptr;         ///< (sequences, max_pages): addresses
  std::int32_t* start = nullptr;       ///< (sequences)
  std::int32_t* first = nullptr;       ///< (sequences + 1)
  RowKind* kind = nullptr;             ///< (sequences)
  std::int32_t* page_count = nullptr;  ///< (sequences): pages of each sequence, at most max_pages
  std::size_t max_pages = 0;           ///< of a sequence
  std::size_t count = 0;               ///< sequences of this step

  /// `max_pages`: pages of a sequence; a contiguous cache has one.
  static StepSequences take(Carver& carver, std::size_t sequences, std::size_t max_pages = 1) {
    return {carver.take<KvPageLayout>(sequences),
            carver.take<std::byte*>(sequences * max_pages),
            carver.take<std::int32_t>(sequences),
            carver.take<std::int32_t>(sequences + 1),
            carver.take<RowKind>(sequences),
            carver.take<std::int32_t>(sequences),
            max_pages,
            0};
  }

  /// The first n sequences, as an operand of ops.
  StepSequences of(std::size_t n) const noexcept {
    StepSequences s = *this;
    s.count = n;
    return s;
  }

  /// Sets sequence i to `rows` tokens of one kind that start at `slot` of `cache`. Call it for i = 0, 1, ... in order,
  /// before the step runs.
  template <class Memory>
  void set(std::size_t i, const KvCacheIn<Memory>& cache, std::size_t slot, std::size_t rows,
           RowKind of) const noexcept {
    layouts[i] = cache.layout();
    pages[i * max_pages] = cache.data();
    page_count[i] = 1;
    set_rows(i, slot, rows, of);
  }
  /// The same for a sequence in n pages of one layout, at most max_pages.
  void set(std::size_t i, const KvPageLayout& layout, std::byte* const* addresses, std::size_t n, std::size_t slot,
           std::size_t rows, RowKind of) const {
    VLMT_ASSERT_LE("StepSequences::set", n, max_pages);
    layouts[i] = layout;
    for (std::size_t p = 0; p < n; ++p) pages[i * max_pages + p] = addresses[p];
    page_count[i] = static_cast<std::int32_t>(n);
    set_rows(i, slot, rows, of);
  }

  /// Calls f(SequenceRows) for each sequence, with keys and values of a layer. Call it inside an op.
  template <class F>
  void for_each(std::size_t layer, F&& f) const {
    for (std::size_t i = 0; i < count; ++i) {
      f(SequenceRows{i, static_cast<std::size_t>(first[i]), static_cast<std::size_t>(first[i + 1] - first[i]), kind[i],
                     start + i,
                     PagedKv(layouts[i], pages + i * max_pages, static_cast<std::size_t>(page_count[i]), layer)});
    }
  }

 private:
  void set_rows(std::size_t i, std::size_t slot, std::size_t rows, RowKind of) const noexcept {
    kind[i] = of;
    start[i] = static_cast<std::int32_t>(slot);
    if (i == 0) first[0] = 0;
    first[i + 1] = first[i] + static_cast<std::int32_t>(rows);
  }
};

VLMT_END_NAMESPACE
