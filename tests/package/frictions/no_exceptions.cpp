// Kernels without exceptions: teams work, and what would be thrown goes to the assertion handler: an overflow, or with
// the argument `stop` a run whose StopFlag is set.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <vlmt/exec/buffer.hpp>
#include <vlmt/exec/omp_team.hpp>
#include <vlmt/exec/step.hpp>
#include <vlmt/exec/team.hpp>
#include <vlmt/kernel/attention.hpp>
#include <vlmt/kernel/grouped_matmul.hpp>
#include <vlmt/kernel/matmul.hpp>
#include <vlmt/kernel/norm.hpp>
#include <vlmt/kernel/patch_embed.hpp>
#include <vlmt/kernel/resample.hpp>
#include <vlmt/kernel/rope.hpp>
#include <vlmt/kernel/router.hpp>
#include <vlmt/kernel/rows.hpp>
#include <vlmt/kernel/sampling.hpp>
#include <vlmt/quant/formats.hpp>
#include <vlmt/quant/row.hpp>
#include <vlmt/tensor/tensor.hpp>

using Arch = vlmt::arch::native;
static_assert(VLMT_HAS_EXCEPTIONS == 0);

template <class Team>
bool normalise(Team&& team) {
  std::vector<float> x(3 * 64, 2.0f), y(x.size());
  const std::vector<float> weight(64, 1.0f);
  team.run([&](vlmt::Member& m) {
    vlmt::rms_norm<Arch>(x.data(), 3, 64, weight.data(), 0.0f, vlmt::F32Rows{y.data(), 64}, m);
    m.barrier();
  });
  return y[191] > 0.99f && y[191] < 1.01f;
}

int main(int argc, char**) {
  if (!normalise(vlmt::ThreadTeam(2)) || !normalise(vlmt::OmpTeam(2))) return 1;
  vlmt::set_assert_handler([](const char* condition, const char*, int) {
    std::printf("%s\n", condition);
    const bool expected = std::strcmp(condition, "tensor size overflows") == 0 ||
                          std::strcmp(condition, "the run of a team was stopped") == 0;
    std::exit(expected ? 0 : 2);
  });
  if (argc > 1) {
    vlmt::StopFlag stop;
    stop.set();
    vlmt::ThreadTeam(1).run([](vlmt::Member& m) { m.barrier(); }, &stop);
    return 3;
  }
  vlmt::make_tensor<float>(SIZE_MAX, 2);
  return 3;
}
