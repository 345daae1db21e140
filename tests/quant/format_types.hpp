// Every format as a run-time value, so that tests over all formats compile once instead of once per format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/quant/formats.hpp"

namespace vlmt_test {

struct AnyFormat {
  std::string name;
  std::uint32_t type_id;
  std::size_t values;
  std::size_t bytes;
  void (*encode)(const float* x, std::byte* block);
  void (*decode)(const std::byte* block, float* y);

  /// The values after encoding and decoding. x.size() must be a multiple of `values`.
  std::vector<float> round_trip(const std::vector<float>& x) const {
    std::vector<float> y(x.size());
    std::vector<std::byte> block(bytes);
    for (std::size_t at = 0; at < x.size(); at += values) {
      encode(x.data() + at, block.data());
      decode(block.data(), y.data() + at);
    }
    return y;
  }
  friend void PrintTo(const AnyFormat& f, std::ostream* out) { *out << f.name; }
};

template <class F>
AnyFormat any_format() {
  return {std::string(F::name),
          F::type_id,
          F::values,
          sizeof(typename F::Block),
          [](const float* x, std::byte* bytes) {
            typename F::Block block;
            std::memcpy(&block, bytes, sizeof(block));  // keeps old bytes, to detect bytes that encode does not write
            F::encode(x, block);
            std::memcpy(bytes, &block, sizeof(block));
          },
          [](const std::byte* bytes, float* y) {
            typename F::Block block;
            std::memcpy(&block, bytes, sizeof(block));
            F::decode(block, y);
          }};
}

template <class... Fs>
std::vector<AnyFormat> any_formats(vlmt::TypeList<Fs...>) {
  return {any_format<Fs>()...};
}

inline std::vector<AnyFormat> weight_formats() {
  return any_formats(vlmt::formats::all{});
}

inline std::vector<AnyFormat> weight_and_activation_formats() {
  std::vector<AnyFormat> all = weight_formats();
  all.push_back(any_format<vlmt::Q8_1>());
  all.push_back(any_format<vlmt::Q8_K>());
  return all;
}

inline std::string format_name(const testing::TestParamInfo<AnyFormat>& info) {
  return info.param.name;
}

}  // namespace vlmt_test
