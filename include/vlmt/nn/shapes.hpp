// Sizes of a decoder, each a Dim: a compile-time constant or read from the file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/tensor/extents.hpp"

VLMT_BEGIN_NAMESPACE

/// Sizes of a text decoder, all read from the file. A custom shapes type has the same members; members that are
/// constant are checked against the file.
struct DynamicShapes {
  Dim<> hidden;  ///< width of the residual stream
  Dim<> layers;
  Dim<> heads;  ///< query heads
  Dim<> kv_heads;
  Dim<> head_dim;
  Dim<> ffn;  ///< inner width of the dense MLP; unused by MoE layers
  Dim<> vocab;
  Dim<> experts;  ///< 0 for a dense model
  Dim<> experts_used;
  Dim<> expert_ffn;
};

/// A dense decoder with all sizes known at compile time.
template <std::size_t Hidden, std::size_t Layers, std::size_t Heads, std::size_t KvHeads, std::size_t Ffn,
          std::size_t HeadDim = 128, std::size_t Vocab = 151936>
struct DenseShapes {
  [[no_unique_address]] Dim<Hidden> hidden;
  [[no_unique_address]] Dim<Layers> layers;
  [[no_unique_address]] Dim<Heads> heads;
  [[no_unique_address]] Dim<KvHeads> kv_heads;
  [[no_unique_address]] Dim<HeadDim> head_dim;
  [[no_unique_address]] Dim<Ffn> ffn;
  [[no_unique_address]] Dim<Vocab> vocab;
  [[no_unique_address]] Dim<0> experts;
  [[no_unique_address]] Dim<0> experts_used;
  [[no_unique_address]] Dim<0> expert_ffn;
};

/// Sizes of released models.
namespace shapes {
using qwen3vl_2b = DenseShapes<2048, 28, 16, 8, 6144>;
using qwen3vl_4b = DenseShapes<2560, 36, 32, 8, 9728>;
using qwen3vl_8b = DenseShapes<4096, 36, 32, 8, 12288>;
}  // namespace shapes

/// Sets a dynamic dim to the size found in a file. Throws FileError if a constant dim differs from it.
template <std::size_t N>
void bind_dim(Dim<N>& dim, std::size_t found, std::string_view name, const std::string& file) {
  if constexpr (Dim<N>::is_static) {
    if (N != found) {
      throw FileError("the model type fixes this size at compile time",
                      {file, {}, std::string(name), std::to_string(N), std::to_string(found)});
    }
  } else {
    dim = Dim<N>(found);
  }
}

VLMT_END_NAMESPACE
