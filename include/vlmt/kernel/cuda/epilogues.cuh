// Epilogues of products on the device, by value.
#pragma once

#include <cmath>
#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/low_rank.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// The second half of a gate: out[row, col] = activation(out[row, col]) * value.
template <class Activation>
struct GateStored {
  float* y = nullptr;
  std::size_t stride = 0;
};

__device__ inline void finish(const op::Store& e, std::size_t row, std::size_t col, float value) {
  e.y[row * e.stride + col] = value;
}
__device__ inline void finish(const op::Add& e, std::size_t row, std::size_t col, float value) {
  e.y[row * e.stride + col] += value;
}
__device__ inline void finish(const op::StoreBiased& e, std::size_t row, std::size_t col, float value) {
  e.y[row * e.stride + col] = value + e.bias[col];
}
__device__ inline void finish(const op::AddBiased& e, std::size_t row, std::size_t col, float value) {
  e.y[row * e.stride + col] += value + e.bias[col];
}
template <class Act>
__device__ void finish(const op::Activate<Act, Rows>& e, std::size_t row, std::size_t col, float value) {
  e.out.x[row * e.out.cols + col] = Act::template apply<float>(value + e.bias[col]);
}
template <class Act>
__device__ void finish(const GateStored<Act>& e, std::size_t row, std::size_t col, float value) {
  float& y = e.y[row * e.stride + col];
  y = Act::template apply<float>(y) * value;
}

/// What a delta adds to a value.
template <class T>
__device__ float delta_at(const op::Delta<T>& d, std::size_t row, std::size_t col) {
  const T* up = d.up + static_cast<std::size_t>(d.adapter[row]) * low_rank_up_values(d.out, d.rank);
  float sum = 0.0f;
  for (std::size_t i = 0; i < d.rank; ++i) {
    sum = fmaf(d.t[row * d.stride + i], static_cast<float>(up[low_rank_up_index(col, i, d.rank)]), sum);
  }
  return sum;
}

/// The inner epilogue of a value with its delta.
template <class Inner, class T>
__device__ void finish(const op::Adapted<Inner, T, 1>& e, std::size_t row, std::size_t col, float value) {
  const op::Delta<T>& d = e.deltas[0];
  finish(e.inner, row, col, d.adapter[row] >= 0 ? value + delta_at(d, row, col) : value);
}

/// Writes the forms of the rows that an epilogue has stored as floats.
template <class Epilogue>
void convert_output(const Epilogue&, cudaStream_t) {}
template <class Act>
void convert_output(const op::Activate<Act, Rows>& e, cudaStream_t stream) {
  convert(e.out, stream);
}
template <class Act>
void convert_output(const op::Gate<Act, Rows>& e, cudaStream_t stream) {
  convert(e.out, stream);
}
template <class Inner, class T, std::size_t Products>
void convert_output(const op::Adapted<Inner, T, Products>& e, cudaStream_t stream) {
  convert_output(e.inner, stream);
}

}  // namespace cuda

VLMT_END_NAMESPACE
