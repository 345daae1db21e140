// What containers of the standard library hold on the heap besides themselves.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Bytes of the text; 0 where it is so short that it stands in the object.
inline std::size_t heap_bytes(const std::string& text) noexcept {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

/// Bytes of the elements, without what they hold in turn.
template <class T>
std::size_t heap_bytes(const std::vector<T>& values) noexcept {
  return values.capacity() * sizeof(T);
}

/// Bytes of the buckets and of a node for each element, with a link and the hash in it; without what they hold in turn.
template <class Key, class Value>
std::size_t heap_bytes(const std::unordered_map<Key, Value>& map) noexcept {
  using Element = typename std::unordered_map<Key, Value>::value_type;
  return map.bucket_count() * sizeof(void*) + map.size() * (sizeof(void*) + sizeof(std::size_t) + sizeof(Element));
}

VLMT_END_NAMESPACE
