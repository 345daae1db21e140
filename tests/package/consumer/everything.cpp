// The umbrella header and the instances of an installed vlmt; loading a missing file must throw vlmt::Error.
#include <cstdio>

#include <vlmt/vlmt.hpp>

int main() {
  try {
    vlmt::load<vlmt::Qwen3VL>("no such file.gguf", "neither this.gguf");
  } catch (const vlmt::Error& e) {
    std::printf("%s\n", e.what());
    return 0;
  }
  return 1;
}
