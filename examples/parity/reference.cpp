// Cases on the scalar, double-accumulating kernels of kernel/ref.
#include <vlmt/vlmt.hpp>

#include "cases.hpp"

void parity::check_reference(Checker& checker, const Settings& settings, const VisionRules& rules) {
  check_cases<vlmt::OnBackend<vlmt::Qwen3VL, vlmt::Cpu<vlmt::arch::reference>>>(checker, settings, rules);
}
