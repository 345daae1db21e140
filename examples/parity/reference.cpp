// Runs the cases on the scalar kernels of kernel/ref, which accumulate in double.
#include <vlmt/vlmt.hpp>

#include "cases.hpp"
#include "reference_model.hpp"

void parity::check_reference(Checker& checker, const Settings& settings, const VisionRules& rules) {
  check_cases<ReferenceModel>(checker, settings, rules);
}
