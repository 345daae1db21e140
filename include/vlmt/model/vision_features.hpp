// Outputs of the vision encoder for an image or a video: the rows that the decoder takes at its image tokens. They
// stay in memory of the backend that has computed them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/rows.hpp"
#include "vlmt/tensor/tensor.hpp"

VLMT_BEGIN_NAMESPACE

/// 128 bits that identify features: a hash of the pixels and the resize limits (runtime/content_key.hpp), or unique().
struct ContentKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const ContentKey&, const ContentKey&) = default;

  /// A key that differs from all others of this process: a counter. A hash equals one with a probability of 2^-64.
  static ContentKey unique() noexcept {
    static std::atomic<std::uint64_t> counter{0};
    constexpr std::uint64_t counted = 0x766c6d742d6b6579;  // "vlmt-key"
    return {counted, counter.fetch_add(1, std::memory_order_relaxed)};
  }
};

/// Features of one image (slices = 1) or of all slices of a video, in row-major order of merged patches.
///
/// Cells of the KV cache are reused for features with an equal key. Each new object has a unique one. Set it to a hash
/// to find equal features again, and to another key when values change that were computed with.
struct VisionFeatures {
  std::size_t slices = 0;
  std::size_t grid_h = 0;               ///< rows of merged patches per slice
  std::size_t grid_w = 0;               ///< columns of merged patches per slice
  SharedTensor<float, 3> data;          ///< (1 + deepstack levels, slices * grid_h * grid_w, hidden)
  std::string_view space = host_space;  ///< where `data` is: memory_space of a backend
  ContentKey key = ContentKey::unique();

  std::size_t tokens() const noexcept { return data.extent(1); }
  std::size_t width() const noexcept { return data.extent(2); }
  /// Number of DeepStack levels.
  std::size_t levels() const noexcept { return data.extent(0) == 0 ? 0 : data.extent(0) - 1; }
  std::size_t bytes() const noexcept { return data.count() * sizeof(float); }
  /// Address of row i of level 0 (main features) or of DeepStack level `level` - 1. Read it only where `data` is.
  const float* row(std::size_t level, std::size_t i) const noexcept {
    return data.data() + (level * data.extent(1) + i) * data.extent(2);
  }
  /// Row i of all levels, as ops read it.
  FeatureRow row(std::size_t i) const noexcept { return {row(0, i), data.extent(1) * data.extent(2)}; }
};

/// Features (1 + levels, tokens, width) in new memory of backend B.
template <class B>
SharedTensor<float, 3> make_features(std::size_t levels, std::size_t tokens, std::size_t width) {
  const RowMajor<DynExtents<3>> layout{DynExtents<3>(1 + levels, tokens, width)};
  auto memory = std::make_shared<typename B::Memory>(layout.extents().count() * sizeof(float));
  auto* values = reinterpret_cast<float*>(memory->data());
  return {SharedEngine<float>(std::move(memory), values), layout};
}

/// Features in memory of backend B, for models that run on it: the caller's own, which are in memory of the host.
template <class B>
std::shared_ptr<VisionFeatures> features_on(const VisionFeatures& host) {
  auto features = std::make_shared<VisionFeatures>(host);
  features->data = make_features<B>(host.levels(), host.tokens(), host.width());
  features->space = memory_space<B>;
  B::put(features->data.data(), host.data.data(), host.bytes());
  return features;
}

/// The values of features in memory of backend B, in a tensor of the host.
template <class B>
HeapTensor<float, 3> host_features(const VisionFeatures& features) {
  auto values = make_tensor<float>(1 + features.levels(), features.tokens(), features.width());
  B::get(values.data(), features.data.data(), features.bytes());
  return values;
}

VLMT_END_NAMESPACE
