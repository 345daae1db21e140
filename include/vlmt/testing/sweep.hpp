// Test inputs for kernels: awkward lengths, unaligned addresses, platform-independent random numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// Sorted unique lengths around n = `lanes`, the width of a vector or block: {1, 3, n - 1, n, n + 1, 8 n + 2}.
inline std::vector<std::size_t> awkward_lengths(std::size_t lanes) {
  std::vector<std::size_t> lengths{1, 3, lanes > 1 ? lanes - 1 : 1, lanes, lanes + 1, 8 * lanes + 2};
  std::sort(lengths.begin(), lengths.end());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return lengths;
}

/// splitmix64: the same numbers with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t bits() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In (0, 1).
  double uniform() noexcept { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }
  double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  std::uint64_t state_;
};

/// n normal numbers with standard deviation `scale`.
inline std::vector<float> gaussian(std::size_t n, std::uint64_t seed, double scale = 1.0) {
  Random random(seed);
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(scale * random.normal());
  return x;
}

/// Like gaussian, but about one value in a hundred is 30 times as large, as in activations of transformers.
inline std::vector<float> with_outliers(std::size_t n, std::uint64_t seed, double scale = 1.0) {
  std::vector<float> x = gaussian(n, seed, scale);
  Random random(seed ^ 0x6f75746c69657273u);
  for (float& v : x) {
    if (random.uniform() < 0.01) v *= 30.0f;
  }
  return x;
}

/// A copy of values that starts `offset` elements past a 64-byte boundary. Up to 64 readable bytes may follow it, so it
/// does not detect reads past the end.
template <class T>
class Misaligned {
 public:
  Misaligned(std::span<const T> values, std::size_t offset) : storage_((values.size() + offset) * sizeof(T) + 64) {
    const auto at = reinterpret_cast<std::uintptr_t>(storage_.data());
    data_ = reinterpret_cast<T*>(storage_.data() + (64 - at % 64) % 64) + offset;
    std::copy(values.begin(), values.end(), data_);
    size_ = values.size();
  }
  Misaligned(const Misaligned&) = delete;
  Misaligned& operator=(const Misaligned&) = delete;
  T* data() noexcept { return data_; }
  std::span<T> span() noexcept { return {data_, size_}; }

 private:
  std::vector<unsigned char> storage_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace testing
VLMT_END_NAMESPACE
