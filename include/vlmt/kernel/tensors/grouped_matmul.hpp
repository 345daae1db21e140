// Products of tensors with one matrix per choice of a router.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/kernel/grouped_matmul.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/kernel/tensors/matrix.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Stores grouped row s of a product as the choice of a token: row choice[s], which is (token, j) of the output.
template <class Arch, class T>
struct StoreChoices {
  StridedView<T, 3> y;
  const std::int32_t* choice = nullptr;

  void operator()(std::size_t row, std::size_t col, std::size_t n, const float* values) const noexcept {
    const auto i = static_cast<std::size_t>(choice[row]);
    T* to = y.data() + i / y.extent(1) * y.stride(0) + i % y.extent(1) * y.stride(1) + col * y.stride(2);
    store_elements<Arch>(values, n, to, y.stride(2));
  }
};

}  // namespace detail

/// y[t, j] = x[t] * w[ids[t, j]]^T for x (n, w.cols), ids (n, k) int32 in [0, experts), y (n, k, w.rows), in the float
/// form. Experts without tokens are not read. Work is split across the team by cost.
template <class Arch, TensorArgument X, TensorArgument I, TensorArgument Y, TensorPlace... Places>
void grouped_matmul(const PackedExperts<Arch>& w, const X& x, const I& ids, Y&& y, Places&... places) {
  const auto in = detail::float_input<2>("grouped_matmul", "x", x);
  const auto chosen = detail::typed_input<std::int32_t, 2>("grouped_matmul", "ids", ids);
  const auto out = detail::float_output<3>("grouped_matmul", "y", y);
  const std::size_t n = in.extent(0), k = chosen.extent(1);
  detail::assert_sizes("grouped_matmul", "x", in, dynamic, w.cols);
  detail::assert_sizes("grouped_matmul", "ids", chosen, n, dynamic);
  detail::assert_sizes("grouped_matmul", "y", out, n, k, w.rows);
  detail::assert_argument("grouped_matmul", "ids", chosen,
                          k == 0 || n <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / k,
                          "fewer than 2^31 choices");
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t j = 0; j < k; ++j) {
      VLMT_ASSERT_LE("grouped_matmul: ids", 0, chosen(t, j));
      VLMT_ASSERT_LT("grouped_matmul: ids", chosen(t, j), w.experts);
    }
  }
  if (n * k == 0) return;
  const bool plain = detail::has_float_rows(in) && (n == 1 || in.stride(0) >= w.cols);
  struct Memory {
    float* x;
    std::int32_t* ids;
    std::int32_t* choice;
    ExpertGroups groups;
  };
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t) {
        Memory memory{plain ? nullptr : carver.take<float>(n * w.cols),
                      carver.take<std::int32_t>(n * k),
                      carver.take<std::int32_t>(n * k),
                      {}};
        memory.groups = {carver.take<std::int32_t>(w.experts + 1), carver.take<std::int32_t>(n * k),
                         carver.take<std::int32_t>(n * k), w.experts};
        return memory;
      },
      [&](Member& m, const Memory& memory) {
        const Range mine = m.share(n);
        for (std::size_t t = mine.begin; t < mine.end; ++t) {
          for (std::size_t j = 0; j < k; ++j) memory.ids[t * k + j] = chosen(t, j);
          if (!plain) {
            detail::load_elements<Arch>(in.data() + t * in.stride(0), in.stride(1), w.cols, memory.x + t * w.cols);
          }
        }
        m.barrier();
        group_by_expert(memory.ids, n, k, memory.groups, m);
        m.barrier();
        for (std::size_t i = mine.begin * k; i < mine.end * k; ++i) {
          memory.choice[memory.groups.positions[i]] = static_cast<std::int32_t>(i);
        }
        m.barrier();
        Activations rows = float_rows(memory.x, n, w.cols);
        if constexpr (std::is_same_v<typename decltype(in)::Elem, const float>) {
          if (plain) rows = {in.data(), std::max(in.stride(0), w.cols), {}, n, w.cols};
        }
        grouped_matmul(w, memory.groups, memory.groups.tokens, rows,
                       detail::StoreChoices<Arch, typename decltype(out)::Elem>{out, memory.choice}, m);
      },
      places...);
}

/// The same for ExpertMatrices.
template <QuantFormat Format, class A, TensorArgument X, TensorArgument I, TensorArgument Y, TensorPlace... Places>
void grouped_matmul(const ExpertMatrices<Format, Cpu<A>>& w, const X& x, const I& ids, Y&& y, Places&... places) {
  grouped_matmul(w.packed(), x, ids, y, places...);
}

VLMT_END_NAMESPACE
