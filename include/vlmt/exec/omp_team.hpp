// The team of OpenMP threads, the default team. The only header that includes OpenMP.
#pragma once

#include <cstddef>
#include <cstdlib>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/crowded_team.hpp"
#include "vlmt/exec/processors.hpp"
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
  /// The processors that this process may run on, also where OpenMP has bound the calling thread to one of them.
  static std::size_t processors() noexcept {
    return static_cast<std::size_t>(omp_get_num_procs());
  }

  /// The number of members of a team that is given none: what OMP_NUM_THREADS or omp_set_num_threads ask for, else
  /// usable_processors().
  static ProcessorCount default_size() {
    const auto asked = static_cast<std::size_t>(omp_get_max_threads());
    const char* variable = std::getenv("OMP_NUM_THREADS");
    if ((variable != nullptr && *variable != 0) || asked != processors()) return {asked, asked, {}};
    return usable_processors(asked);
  }

  OmpTeam() : OmpTeam(default_size().usable) {}
  /// Warns once if that is more than usable_processors().
  explicit OmpTeam(std::size_t size) : size_(size == 0 ? 1 : size) {
    const auto limit = static_cast<std::size_t>(omp_get_thread_limit());
    const bool crowded = detail::crowded_team(size_ < limit ? size_ : limit, usable_processors(processors()));
    spins_ = crowded ? 0 : detail::barrier_spins;
  }
#else
  static std::size_t processors() noexcept {
    return allowed_processors();
  }
  static ProcessorCount default_size() {
    return {};
  }

  OmpTeam() = default;
  explicit OmpTeam(std::size_t) {}
#endif

  /// The requested number of members; inside run, Member::size is the actual number.
  std::size_t size() const noexcept {
    return size_;
  }

  template <class F>
  void run(F&& f, const StopFlag* stop = nullptr) {
    detail::TeamState state(1, spins_, stop);
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
  std::size_t size_ = 1;
  int spins_ = 0;
};
static_assert(Team<OmpTeam>);

VLMT_END_NAMESPACE
