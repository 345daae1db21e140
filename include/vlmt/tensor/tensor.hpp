// Tensor<Engine, Layout>: an engine holds the elements, a layout maps indices to them.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/tensor/engine.hpp"
#include "vlmt/tensor/extents.hpp"
#include "vlmt/tensor/layout.hpp"

VLMT_BEGIN_NAMESPACE

/// A tensor. Copying follows the engine: views copy cheaply, heap tensors only move. The constness of elements is that
/// of the element type, as in std::span. A quantised tensor is a Tensor of blocks; its last extent counts blocks.
template <TensorEngine Engine, TensorLayout Layout>
class Tensor {
 public:
  using Elem = typename Engine::Elem;

  constexpr Tensor() = default;
  constexpr Tensor(Engine engine, Layout layout) noexcept : engine_(std::move(engine)), layout_(layout) {}
  /// From a view whose engine and layout convert: elements become const, static sizes dynamic, dense rows strided.
  template <class E, class L>
    requires(!std::is_same_v<Tensor<E, L>, Tensor> && std::is_convertible_v<E, Engine> &&
             std::is_convertible_v<L, Layout>)
  constexpr Tensor(const Tensor<E, L>& other) noexcept : engine_(other.engine()), layout_(other.layout()) {}

  static constexpr std::size_t rank() noexcept { return Layout::rank(); }
  constexpr const Layout& layout() const noexcept { return layout_; }
  constexpr const Engine& engine() const noexcept { return engine_; }
  constexpr std::size_t extent(std::size_t d) const noexcept { return layout_.extents().extent(d); }
  constexpr std::size_t stride(std::size_t d) const noexcept { return layout_.stride(d); }
  constexpr std::size_t count() const noexcept { return layout_.extents().count(); }
  constexpr Elem* data() const noexcept { return engine_.data(); }

  template <class... Is>
    requires(sizeof...(Is) == Layout::rank())
  constexpr Elem& operator()(Is... index) const noexcept {
    assert_host();
    return engine_.data()[layout_(index...)];
  }

  /// Row i of a matrix; columns must be contiguous.
  constexpr std::span<Elem> row(std::size_t i) const noexcept
    requires(Layout::rank() == 2)
  {
    assert_host();
    VLMT_DASSERT(stride(1) == 1);
    return {data() + i * stride(0), extent(1)};
  }

  /// A view with the same layout.
  constexpr auto view() const noexcept {
    using View = ViewEngine<Elem, SpaceOf<Engine>>;
    return Tensor<View, Layout>(View(data()), layout_);
  }
  /// A read-only view with the same layout.
  constexpr auto cview() const noexcept {
    using View = ViewEngine<const Elem, SpaceOf<Engine>>;
    return Tensor<View, Layout>(View(data()), layout_);
  }

 private:
  static constexpr void assert_host() noexcept {
    static_assert(is_host_v<Engine>,
                  "vlmt: these elements are in the memory of a device; copy them to the host to read or write them");
  }

  [[no_unique_address]] Engine engine_{};
  [[no_unique_address]] Layout layout_{};
};

/// A contiguous view of rank R.
template <class T, std::size_t R, class Space = HostSpace>
using TensorView = Tensor<ViewEngine<T, Space>, RowMajor<DynExtents<R>>>;
/// A view of rank R with any strides.
template <class T, std::size_t R, class Space = HostSpace>
using StridedView = Tensor<ViewEngine<T, Space>, Strided<DynExtents<R>>>;
/// A contiguous tensor of rank R that owns its elements.
template <class T, std::size_t R>
using HeapTensor = Tensor<HeapEngine<T>, RowMajor<DynExtents<R>>>;

/// A contiguous tensor of rank R that shares the ownership of its elements.
template <class T, std::size_t R>
using SharedTensor = Tensor<SharedEngine<T>, RowMajor<DynExtents<R>>>;

/// The elements of a tensor that owns them, now owned in common.
template <TensorEngine Engine, TensorLayout Layout>
Tensor<SharedEngine<typename Engine::Elem>, Layout> share(Tensor<Engine, Layout>&& tensor) {
  const Layout layout = tensor.layout();
  const auto owner = std::make_shared<Tensor<Engine, Layout>>(std::move(tensor));
  return {SharedEngine<typename Engine::Elem>(owner, owner->data()), layout};
}

/// view(data, 3, 4): a contiguous (3, 4) view of an array.
template <class T, std::convertible_to<std::size_t>... Is>
constexpr TensorView<T, sizeof...(Is)> view(T* data, Is... sizes) noexcept {
  using E = DynExtents<sizeof...(Is)>;
  return {ViewEngine<T>(data), RowMajor<E>(E(sizes...))};
}

/// make_tensor<float>(3, 4): a (3, 4) tensor of zeros. Throws LimitError if the element count overflows, std::bad_alloc
/// if memory is short.
template <class T, std::convertible_to<std::size_t>... Is>
HeapTensor<T, sizeof...(Is)> make_tensor(Is... sizes) {
  std::optional<std::size_t> count = 1;
  ((count = count ? checked_mul(*count, static_cast<std::size_t>(sizes)) : count), ...);
  if (!count) throw_error(LimitError("tensor size overflows"));
  using E = DynExtents<sizeof...(Is)>;
  const RowMajor<E> layout{E(sizes...)};
  return {HeapEngine<T>(*count), layout};
}

/// A (rows, values.size() / rows) view of a span; rows must divide its size.
template <class T>
constexpr TensorView<T, 2> as_matrix(std::span<T> values, std::size_t rows) {
  VLMT_ASSERT_MULTIPLE("as_matrix", values.size(), rows);
  return view(values.data(), rows, values.size() / rows);
}

VLMT_END_NAMESPACE
