// The team of OpenMP threads, the default. The only header that includes OpenMP.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/team.hpp"

#if VLMT_HAS_OPENMP
#include <omp.h>
#endif

VLMT_BEGIN_NAMESPACE

/// One OpenMP parallel region per call of run, with libgomp or libomp. Sized inside the region: a thread limit, or a
/// call from inside another parallel region, gives fewer members. Without OpenMP it has one member.
class OmpTeam {
 public:
#if VLMT_HAS_OPENMP
  explicit OmpTeam(std::size_t size = static_cast<std::size_t>(omp_get_max_threads())) : size_(size == 0 ? 1 : size) {}
#else
  explicit OmpTeam(std::size_t = 1) : size_(1) {}
#endif

  std::size_t size() const noexcept {
    return size_;
  }

  template <class F>
  void run(F&& f) {
    detail::TeamState state(1);
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
  std::size_t size_;
};
static_assert(Team<OmpTeam>);

VLMT_END_NAMESPACE
