// Cases on the scalar, double-accumulating kernels of kernel/ref.
#include <vlmt/vlmt.hpp>

#include "cases.hpp"
#include "reference_model.hpp"

void parity::check_reference(Checker& checker, const Settings& settings, const VisionRules& rules) {
  check_cases<ReferenceModel>(checker, settings, rules);
}
