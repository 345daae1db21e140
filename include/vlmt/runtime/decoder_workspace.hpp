// The workspace of a decoder in memory of its backend, with the inputs of a step as the host writes them.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/input_block.hpp"
#include "vlmt/model/decoder.hpp"

VLMT_BEGIN_NAMESPACE

/// Owns the buffers of steps of a Decoder<M>.
template <class M>
class DecoderWorkspace {
 public:
  using Backend = typename M::Backend;
  using Memory = typename Backend::Memory;

  DecoderWorkspace() = default;
  /// Throws LimitError if the memory cannot be had.
  DecoderWorkspace(const Decoder<M>& decoder, const DecoderCapacity& capacity) : memory_(bytes(decoder, capacity)) {
    Carver carver(memory_.data(), memory_.bytes());
    buffers_ = decoder.take_buffers(carver, capacity);
    Carver count;
    Decoder<M>::take_inputs(count, capacity);
    block_ = InputBlock<Backend>(memory_.data(), count.bytes());
    Carver host = block_.carver();
    inputs_ = Decoder<M>::take_inputs(host, capacity);
  }

  /// Bytes in memory of the backend.
  static std::size_t bytes(const Decoder<M>& decoder, const DecoderCapacity& capacity) {
    Carver count;
    decoder.take_buffers(count, capacity);
    return count.bytes();
  }

  bool empty() const noexcept { return memory_.data() == nullptr; }
  /// What ops read and write.
  const DecoderBuffers<Backend>& buffers() const noexcept { return buffers_; }
  /// Inputs for the host to write; send() them before the step.
  const StepInputs<Backend>& inputs() const noexcept { return inputs_; }
  void send() const { block_.send(); }

 private:
  Memory memory_;
  DecoderBuffers<Backend> buffers_;
  InputBlock<Backend> block_;
  StepInputs<Backend> inputs_;
};

VLMT_END_NAMESPACE
