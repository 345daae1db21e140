// Copies of tiles from global to shared memory that run while a warp computes: a ring of two tiles for each warp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/block.cuh"
#include "vlmt/kernel/cuda/buffer.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

inline constexpr unsigned ring_tiles = 2;

/// The barriers of a warp's ring, in shared memory.
struct RingBarriers {
  std::uint64_t full[ring_tiles];
};

/// The ring of one warp, at the same place in all of its lanes, which call the members together. Devices from 9.0 on
/// copy a tile by one instruction of lane 0; others by 16 bytes of each lane.
class TileRing {
 public:
  /// `memory`: ring_tiles * slot_bytes of shared memory, aligned to 16 bytes.
  __device__ TileRing(unsigned char* memory, unsigned slot_bytes, RingBarriers& barriers) noexcept
      : memory_(memory), slot_bytes_(slot_bytes), barriers_(&barriers) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    if (threadIdx.x % warp_threads != 0) return;
    for (std::uint64_t& full : barriers.full) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address(&full)) : "memory");
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
  }

  /// Begins the copy of a tile into a slot, whose last tile all lanes have read. Where there is no further tile, `some`
  /// is false; the call is needed all the same. `bytes` is a multiple of 16.
  __device__ void fetch(unsigned slot, bool some, const std::byte* tile, unsigned bytes) const noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    __syncwarp();
    if (!some) return;
    if (threadIdx.x % warp_threads != 0) return;
    const unsigned full = address(&barriers_->full[slot]);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full), "r"(bytes) : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                     address(memory_ + slot * slot_bytes_)),
                 "l"(tile), "r"(bytes), "r"(full)
                 : "memory");
#else
    __syncwarp();
    if (some) {
      for (unsigned i = 16 * (threadIdx.x % warp_threads); i < bytes; i += 16 * warp_threads) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address(memory_ + slot * slot_bytes_ + i)),
                     "l"(tile + i)
                     : "memory");
      }
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
  }

  /// Waits for the tile of a slot, of which `round` earlier ones have been waited for.
  __device__ void wait([[maybe_unused]] unsigned slot, [[maybe_unused]] unsigned round) const noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile(
        "{\n .reg .pred done;\n"
        "again%=:\n mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n @!done bra again%=;\n}" ::"r"(
            address(&barriers_->full[slot])),
        "r"(round % 2)
        : "memory");
#else
    asm volatile("cp.async.wait_group %0;" ::"n"(ring_tiles - 1) : "memory");
    __syncwarp();
#endif
  }

 private:
  __device__ static unsigned address(const void* shared) noexcept {
    return static_cast<unsigned>(__cvta_generic_to_shared(shared));
  }

  unsigned char* memory_;
  unsigned slot_bytes_;
  RingBarriers* barriers_;
};

}  // namespace cuda

VLMT_END_NAMESPACE
