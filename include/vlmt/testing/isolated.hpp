// A backend that proves that code issues ops without touching memory: the kernels of a CPU backend, on memory that no
// thread can read or write unless an op runs. Anything else ends the program with SIGSEGV, as on a device that has
// memory of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/kernel/cpu/backend_types.hpp"
#include "vlmt/kernel/cpu/lower.hpp"
#include "vlmt/kernel/kv_cache.hpp"
#include "vlmt/op/backend_types.hpp"
#include "vlmt/op/host.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

/// The memory of isolating backends: one range of addresses, inaccessible while no Open lives. Thread-safe.
class IsolatedArena {
 public:
  static IsolatedArena& instance() {
    static IsolatedArena arena;
    return arena;
  }

  /// Zeroed memory, page-aligned. Throws LimitError if the arena is full.
  std::byte* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = round_up(bytes, page);
    std::size_t at = 0;
    for (const auto& [begin, length] : used_) {
      if (begin - at >= size) break;
      at = begin + length;
    }
    if (size > capacity - at) throw LimitError("the memory of the isolating backend is full");
    used_.emplace(at, size);
    return base_ + at;
  }
  void release(std::byte* data) noexcept {
    const std::lock_guard lock(mutex_);
    const auto block = used_.find(static_cast<std::size_t>(data - base_));
    ::madvise(data, block->second, MADV_DONTNEED);  // the next owner finds zeros
    used_.erase(block);
  }

  /// Makes the memory accessible, to all threads, while it lives.
  class Open {
   public:
    Open() { instance().count(+1); }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() { instance().count(-1); }
  };

 private:
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t capacity = std::size_t{64} << 30;  // addresses; pages are taken when written

  IsolatedArena() {
    void* p = ::mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw LimitError("no addresses for the memory of the isolating backend");
    base_ = static_cast<std::byte*>(p);
  }

  void count(int change) noexcept {
    const std::lock_guard lock(mutex_);
    const bool was_open = open_ != 0;
    open_ += change;
    if (was_open != (open_ != 0)) ::mprotect(base_, capacity, open_ != 0 ? PROT_READ | PROT_WRITE : PROT_NONE);
  }

  std::byte* base_ = nullptr;
  std::mutex mutex_;
  std::map<std::size_t, std::size_t> used_;  // offsets and sizes
  int open_ = 0;
};

/// Owned memory of an isolating backend, as Buffer.
class IsolatedBuffer {
 public:
  IsolatedBuffer() = default;
  explicit IsolatedBuffer(std::size_t bytes)
      : data_(bytes == 0 ? nullptr : IsolatedArena::instance().allocate(bytes)), bytes_(bytes) {}
  IsolatedBuffer(IsolatedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  IsolatedBuffer& operator=(IsolatedBuffer&& other) noexcept {
    IsolatedBuffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(bytes_, taken.bytes_);
    return *this;
  }
  ~IsolatedBuffer() {
    if (data_ != nullptr) IsolatedArena::instance().release(data_);
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The backend B of the CPU with isolated memory.
template <class B = Cpu<>>
struct Isolated {
  using Arch = typename B::Arch;
  using Memory = IsolatedBuffer;
  static constexpr std::string_view name = "isolated";
  static constexpr bool host_visible = false;

  template <class Member, class F>
  static void pass(Member& m, const F& f) {
    {
      const IsolatedArena::Open open;
      f(m);
      m.barrier();
    }
    m.barrier();  // the last member has closed the memory before any goes on
  }
  static void put(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void get(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }

 private:
  static void copy(void* to, const void* from, std::size_t bytes) {
    const IsolatedArena::Open open;
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
};

template <class B, class Op, class Pass>
void lower(Isolated<B>, const Op& o, const Pass& pass) {
  lower(B{}, o, pass);
}

namespace detail {

/// A copy of the rows that a function of the host's sees.
template <class T>
class HostCopy {
 public:
  explicit HostCopy(const HostRows<T>& rows) : rows_(rows) {}

  void read() { values_.assign(rows_.data, rows_.data + rows_.rows * rows_.cols); }
  HostRows<T> rows() noexcept { return {values_.data(), rows_.rows, rows_.cols}; }
  void write() const {
    if constexpr (!std::is_const_v<T>) std::copy(values_.begin(), values_.end(), rows_.data);
  }

 private:
  HostRows<T> rows_;
  std::vector<std::remove_const_t<T>> values_;
};

}  // namespace detail

/// The function sees a copy, and what it changes is copied back.
template <class B, class F, class First, class Pass>
void lower(Isolated<B>, const op::Host<F, First, NoHostRows>& o, const Pass& pass) {
  detail::HostCopy first(o.first);
  pass([&](auto& m) {
    if (m.rank() == 0) first.read();
  });
  pass.on_host([&] { o.f(first.rows()); });
  pass([&](auto& m) {
    if (m.rank() == 0) first.write();
  });
}
template <class B, class F, class First, class Second, class Pass>
void lower(Isolated<B>, const op::Host<F, First, Second>& o, const Pass& pass) {
  detail::HostCopy second(o.second);
  pass([&](auto& m) {
    if (m.rank() == 0) second.read();
  });
  const auto both = [&](const First& first) { o.f(first, second.rows()); };
  lower(Isolated<B>{}, op::Host<decltype(both), First>{both, o.first}, pass);
  pass([&](auto& m) {
    if (m.rank() == 0) second.write();
  });
}

}  // namespace testing

template <class B>
struct BackendTypes<testing::Isolated<B>> : BackendTypes<B> {
  using KvCache = KvCacheIn<testing::IsolatedBuffer>;
};

VLMT_END_NAMESPACE
