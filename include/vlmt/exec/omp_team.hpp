// The team of OpenMP threads, the default team. The only header that includes OpenMP.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/processor_warning.hpp"
#include "vlmt/exec/team.hpp"

#if VLMT_HAS_OPENMP
#include <omp.h>
#endif

VLMT_BEGIN_NAMESPACE

/// One OpenMP parallel region per call of run (libgomp or libomp). A thread limit, or a call inside another parallel
/// region, gives fewer members than requested. Without OpenMP there is one member.
class OmpTeam {
 public:
#if VLMT_HAS_OPENMP
  explicit OmpTeam(std::size_t size = static_cast<std::size_t>(omp_get_max_threads()))
      : size_(size == 0 ? 1 : size), spins_(size <= processors() ? detail::barrier_spins : 0) {
    const auto limit = static_cast<std::size_t>(omp_get_thread_limit());
    detail::warn_if_crowded(size_ < limit ? size_ : limit, processors());
  }
#else
  explicit OmpTeam(std::size_t = 1) : size_(1), spins_(0) {}
#endif

  /// The requested number of members; inside run, Member::size is the actual number.
  std::size_t size() const noexcept {
    return size_;
  }

  template <class F>
  void run(F&& f) {
    detail::TeamState state(1, spins_);
#if VLMT_HAS_OPENMP
    const int threads = static_cast<int>(size_);
#pragma omp parallel num_threads(threads) default(shared)
    {
#pragma omp single
      state.resize(static_cast<std::size_t>(omp_get_num_threads()));
      detail::run_member(state, static_cast<std::size_t>(omp_get_thread_num()), f);
    }
#else
    detail::run_member(state, 0, f);
#endif
    state.rethrow();
  }

 private:
#if VLMT_HAS_OPENMP
  static std::size_t processors() noexcept {
    return static_cast<std::size_t>(omp_get_num_procs());
  }
#endif

  std::size_t size_;
  int spins_;
};
static_assert(Team<OmpTeam>);

VLMT_END_NAMESPACE
