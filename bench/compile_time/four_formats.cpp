// Compile-time case: the program of the README for files of four weight formats, without vlmt_instances.
#include <iostream>
#include <string_view>

#include <vlmt/vlmt.hpp>

struct FourFormats : vlmt::Qwen3VL {
  using Formats = vlmt::TypeList<vlmt::F32, vlmt::F16, vlmt::Q4_K, vlmt::Q6_K>;
};

int main() {
  const auto model = vlmt::load<FourFormats>("model.gguf", "mmproj.gguf");
  vlmt::Session chat(model, {.context = 8192});
  chat.ask({vlmt::image("receipt.jpg"), "What is the total?"},
           [](std::string_view piece) { std::cout << piece << std::flush; });
}
