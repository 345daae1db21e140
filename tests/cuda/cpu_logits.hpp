// Logits by the scalar reference kernels of the CPU, in a source of its own: kernels of the CPU are not for nvcc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cuda/prompt.hpp"

namespace vlmt::cuda_test {

/// Logits (rows, vocab) of a prompt, with all matrices converted to a format (a GGUF type number), except experts.
std::vector<float> cpu_logits(const std::string& model_path, const Prompt& prompt, std::optional<std::uint32_t> format);

}  // namespace vlmt::cuda_test
