// Prints the best arch of this build, and its arguments as they came through the launcher.
#include <cstdio>
#include <vector>

#include "vlmt/exec/arch.hpp"

// Built before main: in a program for several processors not even this may use instructions of the wrong one.
static const std::vector<float> constant(64, 1.5f);

int main(int argc, char** argv) {
  float sum = 0;
  for (const float x : constant) sum += x;
  std::printf("probe %s %g", vlmt::arch::native::name.data(), static_cast<double>(sum));
  for (int i = 1; i < argc; ++i) std::printf(" [%s]", argv[i]);
  std::printf("\n");
  return argc == 3 ? 7 : 0;
}
