// The model with custom parts on the scalar reference kernels.
#include "own_model.hpp"

std::vector<float> reference_logits(const std::string& path) {
  return logits_of<vlmt::OnBackend<MyVlm, vlmt::Cpu<vlmt::arch::reference>>>(path);
}
