// Memory of a backend that the host writes before each step.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/cpu.hpp"

VLMT_BEGIN_NAMESPACE

/// A block at `target` in memory of backend B, and where the host writes it: in place if it can, otherwise in a mirror
/// that send() copies. Both are carved by the same code, so they have the same layout.
template <Backend B>
class InputBlock {
 public:
  InputBlock() = default;
  InputBlock(std::byte* target, std::size_t bytes) : target_(target), bytes_(bytes) {
    if constexpr (!B::host_visible) mirror_ = Buffer(bytes);
  }

  /// Carves what the host writes.
  Carver carver() const noexcept {
    if constexpr (B::host_visible) {
      return Carver(target_, bytes_);
    } else {
      return Carver(mirror_.data(), bytes_);
    }
  }

  /// Makes what the host has written visible to the ops of the next step.
  void send() const {
    if constexpr (!B::host_visible) B::put(target_, mirror_.data(), bytes_);
  }

 private:
  std::byte* target_ = nullptr;
  std::size_t bytes_ = 0;
  Buffer mirror_;
};

VLMT_END_NAMESPACE
