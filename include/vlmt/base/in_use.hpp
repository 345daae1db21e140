// Finds calls of an object that come from a callback of its own call, or from a second thread.
#pragma once

#include <atomic>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// A member of an object that serves one call at a time. Costs an atomic exchange per call; nothing waits.
class InUse {
 public:
  InUse() = default;
  /// Objects with this member may move between calls. The new one is not in use.
  InUse(InUse&&) noexcept {}
  InUse& operator=(InUse&&) noexcept { return *this; }

  /// Marks the object as in use during its lifetime.
  class Call {
   public:
    /// Throws InputError with the text `message` if the object is in use.
    Call(InUse& object, const char* message) : busy_(&object.busy_) {
      if (busy_->exchange(true, std::memory_order_acquire)) throw InputError(message);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { busy_->store(false, std::memory_order_release); }

   private:
    std::atomic<bool>* busy_;
  };

 private:
  std::atomic<bool> busy_{false};
};

VLMT_END_NAMESPACE
