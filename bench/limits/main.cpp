// vlmt-limits: what this processor can do at most, for teams of one thread and of all.
#include <cstddef>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <vlmt/bench/limits.hpp>
#include <vlmt/exec/omp_team.hpp>

#include "../../examples/common/command_line.hpp"

int main(int argc, char** argv) {
  const auto command_line = programs::make_command_line(
      "Measures the ceilings that kernels are held against: reading memory, and arithmetic in registers.",
      "vlmt-limits");
  CLI::App& app = *command_line;
  std::vector<std::size_t> threads;
  app.add_option("-t,--threads", threads, "Threads; several give several rows; one and all if absent")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  if (const auto code = programs::parse(app, argc, argv)) return *code;
  if (threads.empty()) {
    threads = {1};
    if (std::thread::hardware_concurrency() > 1) threads.push_back(std::thread::hardware_concurrency());
  }
  using Arch = vlmt::arch::native;
  if (!vlmt::arch::runs_here<Arch>()) {
    std::fprintf(stderr, "vlmt-limits: this program was built for processors with %s\n",
                 std::string(Arch::name).c_str());
    return 1;
  }
  std::printf(
      "%s; Gop/s, a multiply-add being two; - where this program has no such instruction\n\n"
      "| threads | read GB/s | int8 scaled by 32 | int8 | float32 | float16 | bfloat16 | bfloat16 tiles |\n"
      "|--:|--:|--:|--:|--:|--:|--:|--:|\n",
      std::string(Arch::name).c_str());
  const auto cell = [](double rate) {
    return rate == 0 ? std::string("-") : std::to_string(static_cast<long>(rate * 1e-9));
  };
  for (std::size_t n : threads) {
    vlmt::OmpTeam team(n);
    const vlmt::bench::Limits l = vlmt::bench::measure_limits<Arch>(team);
    std::printf("| %zu | %.1f | %s | %s | %s | %s | %s | %s |\n", team.size(), l.read * 1e-9,
                cell(l.grouped_int8).c_str(), cell(l.int8).c_str(), cell(l.float32).c_str(), cell(l.float16).c_str(),
                cell(l.bfloat16).c_str(), cell(l.tiles).c_str());
  }
  return 0;
}
