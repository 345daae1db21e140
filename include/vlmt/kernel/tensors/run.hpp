// Where kernels on tensors run: on the calling thread or on a team, with scratch of their own or of the caller.
#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/exec/team.hpp"

VLMT_BEGIN_NAMESPACE

/// Memory that kernels on tensors may use, kept from call to call. It grows to what the largest call needed. Not
/// thread-safe: one call at a time uses it.
class TensorScratch {
 public:
  TensorScratch() = default;
  TensorScratch(TensorScratch&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  TensorScratch& operator=(TensorScratch&& other) noexcept {
    TensorScratch taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~TensorScratch() { release(); }

  std::size_t bytes() const noexcept { return bytes_; }

  /// At least `bytes` bytes of any content, aligned to 64. Invalidates what an earlier call returned. Throws
  /// std::bad_alloc.
  std::byte* reserve(std::size_t bytes) {
    if (bytes > bytes_) {
      release();
      data_ = static_cast<std::byte*>(::operator new(bytes, std::align_val_t{buffer_alignment}));
      bytes_ = bytes;
    }
    return data_;
  }

 private:
  void release() noexcept {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t{buffer_alignment});
    data_ = nullptr;
    bytes_ = 0;
  }

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The last arguments of kernels on tensors, all optional, in any order: a Team that computes, instead of the calling
/// thread, and a TensorScratch, instead of an allocation per call that needs one.
template <class T>
concept TensorPlace = std::same_as<T, TensorScratch> || Team<T>;

namespace detail {

inline std::size_t place_members() noexcept {
  return 1;
}
template <class First, class... Rest>
std::size_t place_members(First& first, Rest&... rest) {
  if constexpr (std::same_as<First, TensorScratch>) {
    return place_members(rest...);
  } else {
    return first.size();
  }
}

inline TensorScratch& place_scratch(TensorScratch& own) noexcept {
  return own;
}
template <class First, class... Rest>
TensorScratch& place_scratch(TensorScratch& own, First& first, Rest&... rest) {
  if constexpr (std::same_as<First, TensorScratch>) {
    return first;
  } else {
    return place_scratch(own, rest...);
  }
}

template <class F>
void run_members(F& f) {
  Solo solo;
  f(solo.member());
}
template <class F, class First, class... Rest>
void run_members(F& f, First& first, Rest&... rest) {
  if constexpr (std::same_as<First, TensorScratch>) {
    run_members(f, rest...);
  } else {
    first.run(f);
  }
}

/// Runs f(member, memory) on every member of the place. carve(carver, members) takes the memory from a Carver, and is
/// called once to count.
template <class Carve, class F, class... Places>
void run_tensor_kernel(Carve&& carve, F&& f, Places&... places) {
  static_assert(
      ((std::same_as<Places, TensorScratch> ? 1 : 0) + ... + 0) <= 1 && ((Team<Places> ? 1 : 0) + ... + 0) <= 1,
      "vlmt: a kernel on tensors takes one team and one TensorScratch");
  const std::size_t members = place_members(places...);
  Carver counted;
  carve(counted, members);
  TensorScratch own;
  const std::size_t bytes = counted.bytes();
  Carver carver(bytes == 0 ? nullptr : place_scratch(own, places...).reserve(bytes), bytes);
  const auto memory = carve(carver, members);
  auto run = [&](Member& m) { f(m, memory); };
  run_members(run, places...);
}

}  // namespace detail

VLMT_END_NAMESPACE
