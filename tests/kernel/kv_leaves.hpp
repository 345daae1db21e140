// The formats of a KV cache as tests of kernels use them: compiled once for every arch, in kv_format_test.cpp.
#pragma once

#include <string_view>

#include "vlmt/kernel/kv_view.hpp"

namespace vlmt_test {

/// kv_leaf_v by the names of a format of formats::cache and of an arch of arch::compiled, or arch::reference.
const vlmt::KvLeaf& kv_leaf(std::string_view format, std::string_view arch);

template <class Format, class Arch>
const vlmt::KvLeaf& kv_leaf() {
  return kv_leaf(Format::name, Arch::name);
}

}  // namespace vlmt_test
