// Example of docs/packed-cache.md.
#include <cstdio>

#include <vlmt/vlmt.hpp>

int main() {
  const auto model =
      vlmt::load<vlmt::Qwen3VL>("model.gguf", "mmproj.gguf", {.packed_cache = {.folder = "/var/cache/vlmt"}});
  std::puts(model.vlm().weights_mapped() ? "mapped" : "packed");
}
