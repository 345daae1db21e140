// Engines: the storage of a tensor's elements, its ownership, and the memory space it is in.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// Memory that code of the host reads and writes.
struct HostSpace {};
/// Memory of a device that only backend B reads and writes.
template <class B>
struct DeviceSpace {};

/// A pointer to elements, with or without ownership. Elements are plain numbers or quantised blocks.
template <class E>
concept TensorEngine = requires(const E& engine) {
  typename E::Elem;
  { engine.data() } -> std::same_as<typename E::Elem*>;
  requires std::is_trivially_copyable_v<std::remove_const_t<typename E::Elem>>;
};

namespace detail {
template <class E>
struct EngineSpace {
  using type = HostSpace;
};
template <class E>
  requires requires { typename E::Space; }
struct EngineSpace<E> {
  using type = typename E::Space;
};
}  // namespace detail

/// The memory space of an engine: its member Space, or HostSpace.
template <class E>
using SpaceOf = typename detail::EngineSpace<E>::type;
/// True if code of the host may read and write the elements.
template <class E>
inline constexpr bool is_host_v = std::is_same_v<SpaceOf<E>, HostSpace>;

/// Points at elements without owning them. The space is part of the type: kernels of the host do not compile with the
/// memory of a device.
template <class T, class SpaceType = HostSpace>
class ViewEngine {
 public:
  using Elem = T;
  using Space = SpaceType;
  constexpr ViewEngine() = default;
  constexpr explicit ViewEngine(T* data) noexcept : data_(data) {}
  /// Elements become const.
  template <class U>
    requires(!std::is_same_v<U, T> && std::is_same_v<const U, T>)
  constexpr ViewEngine(ViewEngine<U, Space> other) noexcept : data_(other.data()) {}
  constexpr T* data() const noexcept { return data_; }

 private:
  T* data_ = nullptr;
};

/// Owns a zero-initialised array, aligned to 64 bytes or more. Throws std::bad_alloc.
template <class T>
class HeapEngine {
 public:
  using Elem = T;
  static constexpr std::size_t alignment = alignof(T) > 64 ? alignof(T) : 64;

  HeapEngine() = default;
  explicit HeapEngine(std::size_t n) : data_(n == 0 ? nullptr : new(std::align_val_t{alignment}) T[checked(n)]()) {}
  HeapEngine(HeapEngine&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  HeapEngine& operator=(HeapEngine&& other) noexcept {
    HeapEngine taken(std::move(other));
    std::swap(data_, taken.data_);
    return *this;
  }
  ~HeapEngine() {
    if (data_ != nullptr) ::operator delete[](data_, std::align_val_t{alignment});
  }
  T* data() const noexcept { return data_; }

 private:
  // The aligned operator new of libstdc++ rounds sizes up; the largest ones wrap to 0.
  static std::size_t checked(std::size_t n) {
    if (n > (SIZE_MAX - alignment) / sizeof(T)) throw_error(std::bad_alloc());
    return n;
  }

  T* data_ = nullptr;
};

/// Points into memory kept alive by a shared owner: a mapped file, a network buffer, an array of another library.
template <class T>
class SharedEngine {
 public:
  using Elem = T;
  SharedEngine() = default;
  SharedEngine(std::shared_ptr<const void> owner, T* data) noexcept : owner_(std::move(owner)), data_(data) {}
  T* data() const noexcept { return data_; }
  const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  T* data_ = nullptr;
};

static_assert(TensorEngine<ViewEngine<float>> && TensorEngine<HeapEngine<float>> &&
              TensorEngine<SharedEngine<const float>>);

VLMT_END_NAMESPACE
