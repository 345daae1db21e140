// Attention over two parts of the keys, merged by their log-sums: a prefix that many sequences share is attended to
// once for all of them, and each adds its own keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/cpu/blend.hpp"
#include "vlmt/kernel/log_sums.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/kernel/row_sink.hpp"
#include "vlmt/kernel/softmax_state.hpp"
#include "vlmt/numeric/multiply_add.hpp"

VLMT_BEGIN_NAMESPACE

/// Results of attention of some rows over a part of the keys.
struct AttentionPart {
  const float* rows = nullptr;      ///< (rows, heads * head_dim)
  std::size_t stride = 0;           ///< floats from row to row
  const float* log_sums = nullptr;  ///< (rows, heads), see WithLogSums; -infinity: the part counts for nothing
};

/// out (n, heads * head_dim) = attention over the keys of both parts, which share none, from attention over each. A
/// sink counts once if the variant of one part alone has it. WithLogSums around `out` stores the log-sums of all keys,
/// so that more parts can follow. `out` may be the rows and log-sums of a or b. A query without a key in either part
/// yields zeros. (attention_merge in kernel/attention.hpp is the second half of one call, and not this.)
template <class Arch, RowSink Out>
void merge_attention(const AttentionPart& a, const AttentionPart& b, std::size_t n, std::size_t heads,
                     std::size_t head_dim, const Out& out, Member& m = Solo().member()) {
  for (const AttentionPart& part : {a, b}) {
    assert_input("merge_attention", part.rows, n, heads * head_dim, part.stride);
    if (n != 0) VLMT_ASSERT_SET("merge_attention", part.log_sums);
  }
  assert_fits("merge_attention: out", out, n, heads * head_dim, head_dim);
  const Range items = m.share(n * heads);
  for (std::size_t item = items.begin; item < items.end && !m.stopped(); ++item) {
    const std::size_t t = item / heads;
    const std::size_t head = item % heads;
    const SoftmaxMerge<double> merged = merge(state_of_log_sum(static_cast<double>(a.log_sums[item])),
                                              state_of_log_sum(static_cast<double>(b.log_sums[item])));
    const double of_a = merged.of_first * normalizer(merged.state);
    const double of_b = merged.of_second * normalizer(merged.state);
    alignas(64) float buffer[sink_chunk];
    for (std::size_t c = 0; c < head_dim; c += sink_chunk) {
      const std::size_t count = std::min(sink_chunk, head_dim - c);
      const std::size_t column = head * head_dim + c;
      const float* x = a.rows + t * a.stride + column;
      const float* y = b.rows + t * b.stride + column;
      float* to = out.row_pointer(t, column, buffer);
      if constexpr (is_reference_v<Arch>) {
        for (std::size_t i = 0; i < count; ++i) {
          to[i] = static_cast<float>(multiply_add(of_a, static_cast<double>(x[i]), of_b * static_cast<double>(y[i])));
        }
      } else {
        cpu::blend_rows<Arch>(x, static_cast<float>(of_a), y, static_cast<float>(of_b), count, to);
      }
      out.template commit<Arch>(t, column, count, to);
    }
    store_log_sum(out, t, head, [&] { return log_sum(merged.state); });
  }
}

VLMT_END_NAMESPACE
