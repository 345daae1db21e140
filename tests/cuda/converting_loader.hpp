// A loader that converts matrices to a format.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "vlmt/model/weight_source.hpp"

namespace vlmt::cuda_test {

template <class Loader>
struct ConvertingLoader {
  Loader& loader;
  std::optional<std::uint32_t> format;  ///< GGUF type number; absent: as in the file

  template <class Target>
  void matrix(Target& target, SourceTensor source) {
    loader.matrix(target, std::move(source), format);
  }
  template <class Target>
  void experts(Target& target, SourceTensor source) {
    loader.experts(target, std::move(source));
  }
  void vector(const float*& target, SourceTensor source) { loader.vector(target, std::move(source)); }
};

}  // namespace vlmt::cuda_test
