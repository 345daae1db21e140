// Heap memory held by standard containers, for memory accounting. The containers themselves are not counted.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Bytes of the text; 0 if it fits the small-string buffer.
inline std::size_t heap_bytes(const std::string& text) noexcept {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

/// Bytes of the elements, without memory that they own.
template <class T>
std::size_t heap_bytes(const std::vector<T>& values) noexcept {
  return values.capacity() * sizeof(T);
}

/// Bytes of the buckets and of one node per element (link, hash, element), without memory that the elements own. An
/// estimate for libstdc++.
template <class Key, class Value>
std::size_t heap_bytes(const std::unordered_map<Key, Value>& map) noexcept {
  using Element = typename std::unordered_map<Key, Value>::value_type;
  return map.bucket_count() * sizeof(void*) + map.size() * (sizeof(void*) + sizeof(std::size_t) + sizeof(Element));
}

VLMT_END_NAMESPACE
