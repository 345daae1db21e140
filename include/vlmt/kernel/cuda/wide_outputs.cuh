// What products of many rows do with their results, two neighbouring columns at a time.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/cuda/epilogues.cuh"
#include "vlmt/kernel/cuda/row_forms.cuh"
#include "vlmt/op/epilogue.hpp"
#include "vlmt/op/low_rank.hpp"

VLMT_BEGIN_NAMESPACE

namespace cuda {

/// Floats with an optional bias, stored or added: the epilogues Store, Add, StoreBiased and AddBiased.
struct WideFloats {
  float* y;
  std::size_t stride;
  const float* bias;
  bool adds;

  explicit WideFloats(const op::Store& e) : y(e.y), stride(e.stride), bias(nullptr), adds(false) {}
  explicit WideFloats(const op::Add& e) : y(e.y), stride(e.stride), bias(nullptr), adds(true) {}
  explicit WideFloats(const op::StoreBiased& e) : y(e.y), stride(e.stride), bias(e.bias), adds(false) {}
  explicit WideFloats(const op::AddBiased& e) : y(e.y), stride(e.stride), bias(e.bias), adds(true) {}

  __device__ void put(std::size_t row, std::size_t col, bool two, float a, float b) const {
    one(row, col, a);
    if (two) one(row, col + 1, b);
  }
  __device__ void one(std::size_t row, std::size_t col, float value) const {
    float& to = y[row * stride + col];
    const float x = bias != nullptr ? value + bias[col] : value;
    to = adds ? to + x : x;
  }
};
/// Activations for the next product.
template <class Act>
struct WideActivated {
  Rows out;
  const float* bias;

  explicit WideActivated(const op::Activate<Act, Rows>& e) : out(e.out), bias(e.bias) {}
  __device__ void put(std::size_t row, std::size_t col, bool two, float a, float b) const {
    store_pair(out, row, col, two, Act::template apply<float>(a + bias[col]),
               two ? Act::template apply<float>(b + bias[col + 1]) : 0.0f);
  }
};
/// A gate for the next product.
template <class Act>
struct WideGated {
  Rows out;

  explicit WideGated(const op::Gate<Act, Rows>& e) : out(e.out) {}
  __device__ static float gate(float first, float second) { return Act::template apply<float>(first) * second; }
  __device__ void put(std::size_t row, std::size_t col, bool two, float a, float b) const {
    store_pair(out, row, col, two, a, b);
  }
};
/// Values with their deltas.
template <class Inner, class T>
struct WideAdapted {
  Inner inner;
  op::Delta<T> delta;

  __device__ void put(std::size_t row, std::size_t col, bool two, float a, float b) const {
    if (delta.adapter[row] >= 0) {
      a += delta_at(delta, row, col);
      if (two) b += delta_at(delta, row, col + 1);
    }
    inner.put(row, col, two, a, b);
  }
};
inline WideFloats wide_output(const op::Store& e) {
  return WideFloats(e);
}
inline WideFloats wide_output(const op::Add& e) {
  return WideFloats(e);
}
inline WideFloats wide_output(const op::StoreBiased& e) {
  return WideFloats(e);
}
inline WideFloats wide_output(const op::AddBiased& e) {
  return WideFloats(e);
}
template <class Act>
WideActivated<Act> wide_output(const op::Activate<Act, Rows>& e) {
  return WideActivated<Act>(e);
}
template <class Act>
WideGated<Act> wide_output(const op::Gate<Act, Rows>& e) {
  return WideGated<Act>(e);
}
template <class Inner, class T>
auto wide_output(const op::Adapted<Inner, T, 1>& e) {
  return WideAdapted<decltype(wide_output(e.inner)), T>{wide_output(e.inner), e.deltas[0]};
}

}  // namespace cuda

VLMT_END_NAMESPACE
