// Constrained decoding with any sampler: see docs/grammars.md.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "vlmt/text/grammar/matcher.hpp"

std::vector<float> logits();
int sample(std::span<const float> logits, std::span<const std::uint32_t> mask);

void answer(const vlmt::BpeVocabulary& vocabulary, std::size_t logits_size, std::string_view schema) {
  // clang-format off
  auto tokens = std::make_shared<const vlmt::TokenVocabulary>(vocabulary, logits_size);  // once for each model
  vlmt::TokenGrammar grammar(vlmt::Grammar::json_schema(schema), tokens);                // once for each schema
  vlmt::Matcher matcher(grammar);                                                        // for each text
  std::vector<std::uint32_t> mask(matcher.mask_words());
  while (!matcher.ended()) {
    matcher.fill_mask(mask);                        // bit t % 32 of word t / 32: token t may follow
    matcher.accept(sample(logits(), mask));         // end tokens are allowed where the text may end
  }
  // clang-format on
}
