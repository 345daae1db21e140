// Random matrices for benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vlmt/kernel/cuda/weights.cuh"

#include "measure.cuh"

namespace vlmt::cuda_bench {

/// As many copies of a matrix in tiles as fill 600 MB, more than the cache holds.
template <class Format>
struct Copies {
  Copies(std::size_t rows, std::size_t cols, cudaStream_t stream)
      : bytes(cuda::matrix_bytes(Format::type_id, rows, cols)), count(600'000'000 / bytes + 1), memory(count * bytes) {
    const std::size_t blocks = rows * cols / Format::values;
    const CudaBuffer file((blocks + 1) * sizeof(typename Format::Block));
    for (std::size_t i = 0; i < count; ++i) {
      fill_blocks<Format>(file.data(), blocks, static_cast<std::uint32_t>(i), stream);
      cuda::store_matrix(Format::type_id, file.data(), rows, cols, memory.data() + i * bytes, stream);
      matrices.push_back(
          {memory.data() + i * bytes, Format::type_id, rows, cols, 1.0f, cuda::tile_groups(Format::type_id, cols)});
    }
    cuda::check(cudaStreamSynchronize(stream), "random weights");
  }
  std::size_t bytes;
  std::size_t count;
  CudaBuffer memory;
  std::vector<cuda::Matrix> matrices;
};

struct Shape {
  const char* name;
  std::size_t rows, cols;
};

}  // namespace vlmt::cuda_bench
