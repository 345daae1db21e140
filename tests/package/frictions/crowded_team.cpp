// A team as large as OMP_NUM_THREADS says. Its warning can be replaced or silenced.
#include <cstdio>
#include <cstdlib>

#include <vlmt/exec/omp_team.hpp>

int main() {
  if (std::getenv("QUIET") != nullptr) vlmt::set_warning_handler(nullptr);
  vlmt::OmpTeam team, another;
  std::printf("%zu\n", team.size());
}
