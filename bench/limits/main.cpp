// vlmt-limits: the peak rates of this processor, for teams of one thread and of all threads.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include <vlmt/bench/limits.hpp>
#include <vlmt/exec/omp_team.hpp>

#include "../../examples/common/command_line.hpp"
#include "../../examples/common/output.hpp"
#include "../../examples/common/run_main.hpp"
#include "../../examples/common/threads.hpp"

namespace {

/// The processors that this program may run on with their instruction_rate, the fastest first. Empty except on Linux.
std::vector<std::pair<double, int>> processors() {
  std::vector<std::pair<double, int>> rates;
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return rates;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) rates.emplace_back(vlmt::bench::instruction_rate(), cpu);
  }
  sched_setaffinity(0, sizeof allowed, &allowed);
#endif
  std::sort(rates.rbegin(), rates.rend());
  return rates;
}

int run(int argc, char** argv) {
  const auto command_line = programs::make_command_line(
      "Measures the limits that kernels are compared with: memory reads, and arithmetic in registers.", "vlmt-limits");
  CLI::App& app = *command_line;
  std::vector<std::size_t> threads;
  programs::add_count(app, "-t,--threads", threads, {1, 1024},
                      "Number of threads, one table row each (default: 1 and all)")
      ->delimiter(',');
  std::size_t mib = 0;
  programs::add_count(
      app, "--limit-memory", mib, {1, 1 << 20},
      "MiB of memory to read (default: 4096, halved until it is at most a third of the available memory)");
  bool free = false;
  app.add_flag(
      "--processors", free,
      "Print which processors are idle, then exit: billions of empty instructions per second on each, the fastest "
      "first. About half of the maximum means that another program uses the other thread of the core");
  if (const auto code = programs::parse(app, argc, argv)) return *code;
  if (free) {
    programs::print("| processor | G instructions/s |\n|--:|--:|\n");
    for (const auto& [rate, cpu] : processors()) programs::print("| %d | %.1f |\n", cpu, rate * 1e-9);
    return 0;
  }
  if (threads.empty()) {
    threads = {1};
    if (const std::size_t all = programs::thread_count(0, "vlmt-limits"); all > 1) threads.push_back(all);
  }
  using Arch = vlmt::arch::native;
  if (!vlmt::arch::runs_here<Arch>()) {
    std::fprintf(stderr, "vlmt-limits: this program was built for processors with %s\n",
                 std::string(Arch::name).c_str());
    return 1;
  }
  programs::print(
      "%s; Gop/s, a multiply-add counts as two; -: this program has no such instruction\n\n"
      "| threads | read GB/s | int8 scaled by 32 | int8 | float32 | float16 | bfloat16 | bfloat16 tiles |\n"
      "|--:|--:|--:|--:|--:|--:|--:|--:|\n",
      std::string(Arch::name).c_str());
  const auto cell = [](double rate) {
    return rate == 0 ? std::string("-") : std::to_string(static_cast<long>(rate * 1e-9));
  };
  for (std::size_t n : threads) {
    vlmt::OmpTeam team(n);
    const vlmt::bench::Limits l =
        vlmt::bench::measure_limits<Arch>(team, mib != 0 ? mib << 20 : vlmt::bench::limit_bytes());
    programs::print("| %zu | %.1f | %s | %s | %s | %s | %s | %s |\n", team.size(), l.read * 1e-9,
                    cell(l.grouped_int8).c_str(), cell(l.int8).c_str(), cell(l.float32).c_str(),
                    cell(l.float16).c_str(), cell(l.bfloat16).c_str(), cell(l.tiles).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return programs::run_main("vlmt-limits", [&] { return run(argc, argv); });
}
