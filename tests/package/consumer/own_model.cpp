// The model with custom parts on the SIMD kernels of this processor.
#include "own_model.hpp"

#include <vlmt/vlmt.hpp>

std::vector<float> simd_logits(const std::string& path) {
  return logits_of<MyVlm>(path);
}

std::size_t answer_tokens(const std::string& path) {
  const auto model = vlmt::load<MyVlm>(path);
  vlmt::Session session(model, {.context = 256});
  return session.ask("Hello", {}, {.max_tokens = 8}).tokens.size();
}
