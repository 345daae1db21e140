// Prints the best arch of this build and the arguments passed on by the launcher.
#include <cstdio>
#include <vector>

#include "vlmt/exec/arch.hpp"

// Initialised before main(): even this code must not use instructions that the processor lacks.
static const std::vector<float> constant(64, 1.5f);

int main(int argc, char** argv) {
  float sum = 0;
  for (const float x : constant) sum += x;
  std::printf("probe %s %g", vlmt::arch::native::name.data(), static_cast<double>(sum));
  for (int i = 1; i < argc; ++i) std::printf(" [%s]", argv[i]);
  std::printf("\n");
  return argc == 3 ? 7 : 0;
}
