// A sample of the library, compiled with different flags; symbols.sh compares the objects.
#include <stdexcept>

#include "vlmt/exec/team.hpp"
#include "vlmt/tensor/tensor.hpp"

float sum_of_ones(std::size_t n) {
  auto ones = vlmt::make_tensor<float>(n);
  for (std::size_t i = 0; i < n; ++i) ones(i) = 1.0f;
  vlmt::ThreadTeam team(2);
  float sum = 0;
  team.run([&](vlmt::Member& m) {
    if (m.rank() != 0) return;
    if (n == 0) vlmt::throw_error(vlmt::InputError("nothing to add"));
    for (std::size_t i = 0; i < n; ++i) sum += ones(i);
  });
  return sum;
}
