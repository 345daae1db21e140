// The workspace of a vision encoder in memory of its backend, with the inputs as the host writes them.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/input_block.hpp"
#include "vlmt/nn/vision/patch_grid.hpp"

VLMT_BEGIN_NAMESPACE

/// Owns the buffers of a vision encoder of backend B. It grows to the largest image and keeps its size: freeing it
/// would fault in the same pages for each image.
template <class Encoder, Backend B>
class VisionWorkspace {
 public:
  /// Bytes for `patches` patches in `slices` temporal slices on `members` threads.
  static std::size_t bytes(const Encoder& encoder, std::size_t patches, std::size_t slices, std::size_t members) {
    Carver count;
    encoder.take_buffers(count, patches, slices, members);
    return count.bytes();
  }

  /// Makes room for a grid and writes its inputs; the patches are missing still. Throws LimitError if the memory cannot
  /// be had.
  void prepare(const Encoder& encoder, const PatchGrid& grid, std::size_t members) {
    const std::size_t n = grid.patches();
    const auto slices = static_cast<std::size_t>(grid.t);
    const std::size_t needed = bytes(encoder, n, slices, members);
    if (memory_.bytes() < needed) {
      memory_ = {};
      memory_ = typename B::Memory(needed);
    }
    Carver carver(memory_.data(), memory_.bytes());
    buffers_ = encoder.take_buffers(carver, n, slices, members);
    Carver count;
    Encoder::Inputs::take(count, n, slices);
    const InputBlock<B> block(memory_.data(), count.bytes());
    Carver host = block.carver();
    encoder.fill_inputs(grid, Encoder::Inputs::take(host, n, slices));
    block.send();
  }

  const typename Encoder::Buffers& buffers() const noexcept { return buffers_; }

 private:
  typename B::Memory memory_;
  typename Encoder::Buffers buffers_;
};

VLMT_END_NAMESPACE
