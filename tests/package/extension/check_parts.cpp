// Checks our parts with the helpers that vlmt installs.
#include <cstdio>
#include <string>
#include <vector>

#include <vlmt/testing/check_format.hpp>
#include <vlmt/testing/check_parts.hpp>

#include "alibi.hpp"
#include "int8_32.hpp"
#include "peak_norm.hpp"
#include "shared_expert_router.hpp"

static int problems(const char* part, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("%s: %s\n", part, line.c_str());
  if (lines.empty()) std::printf("%s: right\n", part);
  return static_cast<int>(lines.size());
}

int main() {
  using Arch = vlmt::arch::native;
  namespace check = vlmt::testing;
  const std::vector<float> weight = check::gaussian(200, 1);
  int count = 0;
  count += problems("Int8_32", check::check_format<lab::Int8_32>(0.008));
  count += problems("Int8_32 kernels", check::check_format_kernels<lab::Int8_32, Arch>());
  count += problems("Int8_32 kernels", check::check_format_kernels<lab::Int8_32, vlmt::arch::generic>());
  count += problems("Alibi", check::check_attention_variant<Arch>(lab::Alibi{}));
  count += problems("SharedExpertRouter", check::check_router<Arch>(lab::SharedExpertRouter{}));
  count += problems("PeakNorm", check::check_norm<Arch>(lab::PeakNorm{weight.data()}, weight.size()));
  return count == 0 ? 0 : 1;
}
