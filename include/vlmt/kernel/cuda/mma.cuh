// Matrix instructions of a warp on 16-bit values: C (16, 8) += A (16, 16) times B (16, 8), sums in float.
//
// Lane l holds of C the columns 2 (l % 4) and the next one of rows l / 4 (values 0, 1) and l / 4 + 8 (values 2, 3); of
// A the same places and those 8 columns further, packed in pairs; of B rows 2 (l % 4) and the next one, and those 8
// further, of column l / 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Two values, the first in the low half, rounded to nearest.
template <class T>
__device__ __forceinline__ unsigned pack_pair(float a, float b) noexcept {
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 h = __floats2half2_rn(a, b);
    return *reinterpret_cast<const unsigned*>(&h);
  } else {
    const __nv_bfloat162 h = __floats2bfloat162_rn(a, b);
    return *reinterpret_cast<const unsigned*>(&h);
  }
}

template <class T>
__device__ __forceinline__ void multiply_tile(float (&c)[4], const unsigned (&a)[4], unsigned b0,
                                              unsigned b1) noexcept {
  if constexpr (std::is_same_v<T, __half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

/// Four matrices (8, 8) of 16-bit values from shared memory: lane l gives the address of row l % 8 of matrix l / 8, and
/// gets of each matrix values 2 (l % 4) and the next one of row l / 4; transposed, of column l / 4.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], unsigned shared) noexcept {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared)
               : "memory");
}
__device__ __forceinline__ void load_transposed(unsigned (&r)[4], unsigned shared) noexcept {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared)
               : "memory");
}

__device__ __forceinline__ unsigned shared_address(const void* p) noexcept {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

__device__ __forceinline__ void store16(unsigned shared, uint4 x) noexcept {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(shared), "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w)
               : "memory");
}

/// Copies 16 bytes to shared memory while the thread goes on; zeros if `some` is false, when nothing is read.
__device__ __forceinline__ void copy16(unsigned shared, const void* from, bool some) noexcept {
  const unsigned bytes = some ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from), "r"(bytes) : "memory");
}
/// Ends a group of copies of this thread.
__device__ __forceinline__ void commit_copies() noexcept {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Waits for all but the last `Pending` groups of this thread.
template <unsigned Pending>
__device__ __forceinline__ void wait_copies() noexcept {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace cuda

VLMT_END_NAMESPACE
