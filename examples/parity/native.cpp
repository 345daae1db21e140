// Runs the cases on the kernels for this processor.
#include <vlmt/vlmt.hpp>

#include "cases.hpp"

void parity::check_native(Checker& checker, const Settings& settings, const VisionRules& rules) {
  check_cases<vlmt::Qwen3VL>(checker, settings, rules);
}
