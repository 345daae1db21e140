// Compile-time case: the program of the README, with all weight formats and without vlmt_instances.
#include <iostream>
#include <string_view>

#include <vlmt/vlmt.hpp>

int main() {
  const auto model = vlmt::load<vlmt::Qwen3VL>("model.gguf", "mmproj.gguf");
  vlmt::Session chat(model, {.context = 8192});
  chat.ask({vlmt::image("receipt.jpg"), "What is the total?"},
           [](std::string_view piece) { std::cout << piece << std::flush; });
}
