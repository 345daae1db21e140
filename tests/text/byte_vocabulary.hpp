// A vocabulary of the 256 bytes, to which tests add tokens and merges.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "vlmt/text/byte_map.hpp"
#include "vlmt/text/vocabulary.hpp"

namespace vlmt_test {

// Token b is byte b.
inline vlmt::BpeVocabulary byte_vocabulary() {
  vlmt::BpeVocabulary v;
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    v.tokens.push_back(vlmt::map_bytes({&byte, 1}));
    v.types.push_back(vlmt::TokenType::normal);
  }
  return v;
}

inline int add_token(vlmt::BpeVocabulary& v, std::string name, vlmt::TokenType type) {
  v.tokens.push_back(std::move(name));
  v.types.push_back(type);
  return static_cast<int>(v.tokens.size()) - 1;
}

// Adds the merge of two byte strings and, if new, the merged token.
inline void add_merge(vlmt::BpeVocabulary& v, std::string_view left, std::string_view right) {
  const std::string l = vlmt::map_bytes(left), r = vlmt::map_bytes(right);
  v.merges.push_back(l + " " + r);
  if (std::find(v.tokens.begin(), v.tokens.end(), l + r) == v.tokens.end()) {
    add_token(v, l + r, vlmt::TokenType::normal);
  }
}

}  // namespace vlmt_test
