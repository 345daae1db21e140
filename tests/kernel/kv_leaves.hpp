// KV formats for kernel tests, compiled once per arch. Each list of formats is compiled in its own file.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/quant/formats.hpp"

#include "swept_archs.hpp"

namespace vlmt_test {

using KvNumbers = vlmt::TypeList<vlmt::F32>;              // kv_format_test.cpp
using KvHalves = vlmt::TypeList<vlmt::F16, vlmt::BF16>;   // kv_halves_test.cpp
using KvBlocks = vlmt::TypeList<vlmt::Q8_0, vlmt::Q4_0>;  // kv_products_test.cpp

/// kv_leaf_v by name of the format and of an arch: one of SweptArchs, or arch::reference.
const vlmt::KvLeaf& kv_number_leaf(std::string_view format, std::string_view arch);
const vlmt::KvLeaf& kv_half_leaf(std::string_view format, std::string_view arch);
const vlmt::KvLeaf& kv_block_leaf(std::string_view format, std::string_view arch);

/// Implements these for the formats of a list.
template <class Formats>
const vlmt::KvLeaf& find_kv_leaf(std::string_view format, std::string_view arch) {
  using namespace vlmt;
  const KvLeaf* found = nullptr;
  const auto look = [&]<class Arch>(TypeTag<Arch>) {
    if (Arch::name != arch) return;
    visit_format(Formats{}, format, [&]<class Format>(TypeTag<Format>) { found = &kv_leaf_v<Format, Arch>; });
  };
  look(TypeTag<arch::reference>{});
  for_each_type(SweptArchs{}, look);
  if (found == nullptr) throw std::logic_error("no leaf of " + std::string(format) + " for " + std::string(arch));
  return *found;
}

template <class Format, class Arch>
const vlmt::KvLeaf& kv_leaf() {
  if constexpr (Format::values > 1) return kv_block_leaf(Format::name, Arch::name);
  if constexpr (sizeof(typename Format::Block) == 2) return kv_half_leaf(Format::name, Arch::name);
  return kv_number_leaf(Format::name, Arch::name);
}

}  // namespace vlmt_test
