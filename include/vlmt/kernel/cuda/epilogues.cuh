// Epilogues of products on the device, by value.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/op/epilogue.hpp"

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

}  // namespace cuda

VLMT_END_NAMESPACE
