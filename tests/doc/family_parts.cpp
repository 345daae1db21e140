// Example of docs/add-a-model-family.md.
#include <array>
#include <cstddef>
#include <string_view>

#include <vlmt/model/qwen3vl.hpp>

namespace vlmt {

struct Capped : Qwen3VL {
  struct Config : TextConfig {
    float cap = 0.0f;
  };
  static constexpr std::array<std::string_view, 1> own_keys{"attn_logit_softcapping"};
  static Config read_config(const GgufFile& file) {
    Config c{Qwen3VL::read_config(file, own_keys)};
    c.cap = file.require<float>(c.architecture + ".attn_logit_softcapping");
    return c;
  }
  static SoftCapped<> attention(const Config& c, std::size_t /*layer*/) {
    SoftCapped<> variant;
    variant.cap = c.cap;
    return variant;
  }
};

float cap_of(const Capped::Config& c) {
  return Capped::attention(c, 0).cap;
}

}  // namespace vlmt
