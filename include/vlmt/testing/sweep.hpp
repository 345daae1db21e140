// What to test a kernel over: awkward lengths, addresses that are not aligned, numbers that are the same everywhere.
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

/// Lengths around `lanes`, the width of a vector or block: {1, 3, n - 1, n, n + 1, 8 n + 2}, without repetitions.
inline std::vector<std::size_t> awkward_lengths(std::size_t lanes) {
  std::vector<std::size_t> lengths{1, 3, lanes > 1 ? lanes - 1 : 1, lanes, lanes + 1, 8 * lanes + 2};
  std::sort(lengths.begin(), lengths.end());
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return lengths;
}

/// Random numbers that do not depend on the standard library (splitmix64).
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

/// n normal numbers of standard deviation `scale`.
inline std::vector<float> gaussian(std::size_t n, std::uint64_t seed, double scale = 1.0) {
  Random random(seed);
  std::vector<float> x(n);
  for (float& v : x) v = static_cast<float>(scale * random.normal());
  return x;
}

/// The same with one value in a hundred 30 times as large, as activations of transformers have them.
inline std::vector<float> with_outliers(std::size_t n, std::uint64_t seed, double scale = 1.0) {
  std::vector<float> x = gaussian(n, seed, scale);
  Random random(seed ^ 0x6f75746c69657273u);
  for (float& v : x) {
    if (random.uniform() < 0.01) v *= 30.0f;
  }
  return x;
}

/// A copy of values that begins `offset` elements past an address aligned to 64 bytes, with nothing readable promised
/// behind it.
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
