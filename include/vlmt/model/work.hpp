// Implementation-independent lower bounds on a step: the bytes it must read and the operations it must do. Benchmarks
// divide the time that the limits of the processor allow for them by the measured time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/kv_format.hpp"
#include "vlmt/model/decoder.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"

VLMT_BEGIN_NAMESPACE

/// Work of one step. A multiply-add counts as two operations.
struct StepWork {
  double weight_bytes = 0;  ///< packed weights, each matrix read once
  double kv_bytes = 0;      ///< keys and values read
  double operations = 0;    ///< matmuls and attention
  double bytes() const noexcept { return weight_bytes + kv_bytes; }
};

/// Work of one step of `rows` tokens, shared evenly by `sequences` sequences that each have `depth` tokens in the KV
/// cache; `logit_rows` rows get logits. For MoE the number of experts read is the expectation if all are equally
/// likely.
template <class M>
StepWork step_work(const Decoder<M>& decoder, const KvLeaf& keys, const KvLeaf& values, std::size_t rows,
                   std::size_t depth, std::size_t logit_rows, std::size_t sequences = 1) noexcept {
  const auto& s = decoder.shapes();
  const auto n = static_cast<double>(rows);
  StepWork w;
  const auto add = [&](const auto& matrix, double times, double read) {
    w.weight_bytes += static_cast<double>(matrix.bytes()) * read;
    w.operations += 2.0 * static_cast<double>(matrix.rows) * static_cast<double>(matrix.cols) * times;
  };
  for (const auto& layer : decoder.layers()) {
    const auto& a = layer.attention;
    for (const auto* matrix : {&a.q, &a.k, &a.v, &a.out}) add(*matrix, n, 1);
    if (s.experts == 0) {
      for (const auto* matrix : {&layer.mlp.gate, &layer.mlp.up, &layer.mlp.down}) add(*matrix, n, 1);
    } else {
      const auto experts = static_cast<double>(s.experts);
      const auto used = static_cast<double>(decoder.experts_used());
      const double met = experts * (1.0 - std::pow(1.0 - used / experts, n));
      add(layer.moe.router, n, 1);
      for (const auto* stack : {&layer.moe.gate, &layer.moe.up, &layer.moe.down}) {
        add(stack->expert(0), n * used, met);
      }
    }
  }
  add(decoder.head(), static_cast<double>(logit_rows), logit_rows == 0 ? 0 : 1);
  // Row t of a sequence attends to depth + t + 1 slots.
  const double each = n / static_cast<double>(sequences);
  const double slots = static_cast<double>(depth) + each;
  const double seen = n * (static_cast<double>(depth) + (each + 1.0) / 2.0);
  const auto layers = static_cast<double>(s.layers);
  w.operations += layers * 4.0 * static_cast<double>(s.heads * s.head_dim) * seen;
  w.kv_bytes = layers * static_cast<double>(sequences) * slots * static_cast<double>(s.kv_heads) *
               static_cast<double>(keys.row_bytes(s.head_dim) + values.row_bytes(s.head_dim));
  return w;
}

/// Operations of the attention of all blocks of a vision encoder: each patch attends to all patches of its slice.
inline double vision_attention_operations(const VisionConfig& c, const PatchGrid& grid) noexcept {
  return static_cast<double>(c.depth) * 4.0 * static_cast<double>(grid.patches()) * static_cast<double>(grid.h) *
         static_cast<double>(grid.w) * static_cast<double>(c.hidden);
}

/// Operations of a vision encoder on a grid of patches: patch convolution, blocks and all mergers.
inline double vision_operations(const VisionConfig& c, const PatchGrid& grid) noexcept {
  const auto n = static_cast<double>(grid.patches());
  const auto h = static_cast<double>(c.hidden);
  const auto wide = h * static_cast<double>(c.merge * c.merge);
  const double block = n * (8.0 * h * h + 4.0 * h * static_cast<double>(c.ffn));
  const double merger =
      n / static_cast<double>(c.merge * c.merge) * 2.0 * wide * (wide + static_cast<double>(c.out_hidden));
  return 2.0 * n * static_cast<double>(c.patch_values()) * h + static_cast<double>(c.depth) * block +
         vision_attention_operations(c, grid) + static_cast<double>(1 + c.deepstack.size()) * merger;
}

VLMT_END_NAMESPACE
