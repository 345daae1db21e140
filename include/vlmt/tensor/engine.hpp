// Engines: the storage of a tensor's elements and its ownership.
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

/// A pointer to elements, with or without ownership. Elements are plain numbers or quantised blocks.
template <class E>
concept TensorEngine = requires(const E& engine) {
  typename E::Elem;
  { engine.data() } -> std::same_as<typename E::Elem*>;
  requires std::is_trivially_copyable_v<std::remove_const_t<typename E::Elem>>;
};

/// Points at elements without owning them.
template <class T>
class ViewEngine {
 public:
  using Elem = T;
  constexpr ViewEngine() = default;
  constexpr explicit ViewEngine(T* data) noexcept : data_(data) {}
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
  explicit HeapEngine(std::size_t n) : data_(n == 0 ? nullptr : new (std::align_val_t{alignment}) T[checked(n)]()) {}
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
