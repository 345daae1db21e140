// Checks a custom weight format, attention variant, router and norm against the scalar reference with the installed
// helpers, then runs a model with all of them.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <vlmt/testing/check_format.hpp>
#include <vlmt/testing/check_parts.hpp>
#include <vlmt/testing/tiny_model.hpp>

#include "own_model.hpp"
#include "wrong_calls.hpp"

int failures = 0;

void report(const char* what, const std::vector<std::string>& problems) {
  std::printf("%s: %s\n", what, problems.empty() ? "ok" : "FAILED");
  for (const std::string& problem : problems) std::printf("  %s\n", problem.c_str());
  failures += !problems.empty();
}

int main() {
  namespace testing = vlmt::testing;
  using Arch = vlmt::arch::native;

  // One bit keeps 2 / pi of the energy of normally distributed weights: relative error sqrt(1 - 2 / pi) = 0.603.
  report("format", testing::check_format<Signs>(0.61));
  report("format's kernels", testing::check_format_kernels<Signs, Arch>());
  report("attention", testing::check_attention_variant<Arch>(FadingWindow{}));
  report("router", testing::check_router<Arch>(EvenRouter<3>{}));
  const std::vector<float> weight(300, 1.5f);
  report("norm", testing::check_norm<Arch>(MeanMagnitudeNorm{weight.data(), 1e-6f}, weight.size()));

  const std::string path = (std::filesystem::temp_directory_path() / "vlmt_own_parts.gguf").string();
  testing::write_tiny_model<Signs>({.experts = 8, .deepstack = 0}, path);
  const testing::Comparison c = testing::compare(simd_logits(path), reference_logits(path));
  const std::size_t tokens = answer_tokens(path);
  report("wrong calls", wrong_calls(path));
  std::filesystem::remove(path);
  std::printf("model: %s; answered with %zu tokens\n", c.line().c_str(), tokens);
  failures += !(c.relative_l2 < 2e-5) || tokens == 0;
  return failures == 0 ? 0 : 1;
}
