// Products of many rows by warpgroup instructions of compute capability 9.0a: a block of 256 rows times 128 rows of
// weights. While the tensor cores compute one step, threads decode the weights of the next. Code for other devices
// computes the same block as product_wide.cuh does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/launch.cuh"
#include "vlmt/kernel/cuda/mma.cuh"
#include "vlmt/kernel/cuda/product_wide.cuh"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Tiles in shared memory have rows of 64 values, 128 bytes, whose 16-byte parts are swapped by row; see SharedRow.
struct WarpgroupShape {
  static constexpr unsigned rows = WideLarge::rows;
  static constexpr unsigned cols = WideLarge::cols;
  static constexpr unsigned depth = 64;
  static constexpr unsigned row_stages = 4;
  static constexpr unsigned col_stages = 3;
  static constexpr unsigned row_bytes = depth * 2;
  static constexpr unsigned shared = (row_stages * rows + col_stages * cols) * row_bytes;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
/// Describes a tile at an address in shared memory, a multiple of 1024 plus 32 for each 16 columns.
__device__ __forceinline__ std::uint64_t tile_descriptor(unsigned address) noexcept {
  constexpr std::uint64_t swizzled = std::uint64_t{1} << 62;
  constexpr std::uint64_t eight_rows = std::uint64_t{1024 >> 4} << 32;
  return swizzled | eight_rows | std::uint64_t{1} << 16 | (address & 0x3ffffu) >> 4;
}

/// d (64, 128) += a (64, 16) times b (128, 16), transposed, by the 128 threads of a warpgroup. Warp w holds rows 16 w
/// to 16 w + 15; d[4 j] to d[4 j + 3] are laid out as by multiply_tile, for columns 8 j to 8 j + 7. `adds` is false for
/// the first product, which sets d.
__device__ __forceinline__ void multiply_warpgroup(float (&d)[64], std::uint64_t a, std::uint64_t b,
                                                   bool adds) noexcept {
  asm volatile(
      "{\n.reg .pred adds;\nsetp.ne.b32 adds, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
      "}, %64, %65, adds, 1, 1, 0, 0;\n}"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
        "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
        "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
        "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]),
        "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]),
        "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),
        "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
      : "l"(a), "l"(b), "r"(static_cast<int>(adds)));
}
#endif

template <bool Paired, class Output>
__global__ void __launch_bounds__(wide_product_threads, 1)
    warpgroup_product_kernel(const __grid_constant__ WideProduct p, Output output) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Shape = WarpgroupShape;
  constexpr unsigned pitch = Shape::row_bytes;
  constexpr unsigned parts = Shape::depth / 8;  // of 16 bytes in a row
  let_next_start();
  const unsigned t = threadIdx.x, lane = t % warp_threads, warp = warp_index();
  const unsigned activations = shared_address(wide_shared);
  const unsigned weights = activations + Shape::row_stages * Shape::rows * pitch;
  const std::size_t first_row = static_cast<std::size_t>(blockIdx.y) * Shape::rows;
  const WideColumns<Paired, Shape::cols> columns;
  const unsigned steps = (p.cols + Shape::depth - 1) / Shape::depth;

  const unsigned own = t / 2, own_group = t % 2;
  const unsigned m = columns.matrix(own);
  const WeightRow source(p.w[m], p.tile_bytes[m], columns.row(own));
  GroupWords words;
  source.load(words, own_group);
  const auto store = [&](unsigned step) {
    const unsigned stage = step % Shape::col_stages * Shape::cols;
    store_weights(source.type_id, words, {weights + (stage + own) * pitch, own % 8}, own_group * 4);
    source.load(words, (step + 1) * 2 + own_group);
  };

  wait_for_previous();
  const auto fetch = [&](unsigned step) {
    if (step < steps) {
      const unsigned stage = activations + step % Shape::row_stages * Shape::rows * pitch;
#pragma unroll
      for (unsigned i = 0; i < Shape::rows * parts / wide_product_threads; ++i) {
        const unsigned row = i * (wide_product_threads / parts) + t / parts, part = t % parts;
        const unsigned col = step * Shape::depth + part * 8;
        const bool some = first_row + row < p.rows && col < p.cols;
        const __nv_bfloat16* from = p.b + (some ? (first_row + row) * p.cols + col : 0);
        copy16(SharedRow{stage + row * pitch, row % 8}.part(part), from, some);
      }
    }
    commit_copies();
  };
  fetch(0);
  fetch(1);
  store(0);

  float sums[2][64];
  const unsigned group_row = warp / 4 * 128;
  for (unsigned step = 0; step < steps; ++step) {
    wait_copies<1>();
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    const unsigned rows_at = activations + (step % Shape::row_stages * Shape::rows + group_row) * pitch;
    const std::uint64_t a = tile_descriptor(rows_at);
    const std::uint64_t b = tile_descriptor(weights + step % Shape::col_stages * Shape::cols * pitch);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (unsigned k = 0; k < Shape::depth / 16; ++k) {
      multiply_warpgroup(sums[0], a + 2 * k, b + 2 * k, step + k != 0);
      multiply_warpgroup(sums[1], a + (64 * pitch >> 4) + 2 * k, b + 2 * k, step + k != 0);
    }
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    // The stages that are written now were read two steps ago: all warps have waited for that.
    fetch(step + 2);
    if (step + 1 < steps) store(step + 1);
    asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
  }
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
  for (unsigned i = 0; i < 2; ++i) {
#pragma unroll
    for (unsigned r = 0; r < 2; ++r) {
      put_row<Paired, Shape::cols / 8>(p, output, first_row + group_row + i * 64 + warp % 4 * 16 + r * 8 + lane / 4,
                                       columns.first, 0,
                                       [&](unsigned j, unsigned second) { return sums[i][4 * j + 2 * r + second]; });
    }
  }
#else
  wide_product<WideLarge, Paired>(p, output);
#endif
}

template <bool Paired, class Output>
void launch_warpgroup_product(const WideProduct& p, const Output& output, cudaStream_t stream) {
  constexpr unsigned block_cols = Paired ? WideLarge::cols / 2 : WideLarge::cols;
  const dim3 grid(static_cast<unsigned>((p.w[0].rows + block_cols - 1) / block_cols),
                  (p.rows + WideLarge::rows - 1) / WideLarge::rows);
  const std::size_t shared =
      shared_memory_limit() >= WarpgroupShape::shared ? WarpgroupShape::shared : WideLarge::shared;
  launch<warpgroup_product_kernel<Paired, Output>>(grid, wide_product_threads, shared, stream, p, output);
}

}  // namespace cuda

VLMT_END_NAMESPACE
