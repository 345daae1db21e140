// Unicode normalisation form C in O(n log n) for any input.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <utf8proc.h>

#include "vlmt/base/config.hpp"
#include "vlmt/text/unicode.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

// Characters, sorted, with a combining class or decomposition that were added after Unicode 9.0. Hugging Face
// tokenizers normalise with Unicode 9.0 data, where these are unassigned: they are neither reordered nor changed.
inline constexpr std::array<std::pair<char32_t, char32_t>, 44> nfc_unassigned{{
    {0x7FD, 0x7FD},     {0x897, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ADD},   {0x1AE0, 0x1AEB},
    {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x105C0, 0x105F3}, {0x10D24, 0x10D27}, {0x10D69, 0x10D6D},
    {0x10EAB, 0x10EAC}, {0x10EFA, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
    {0x1133B, 0x1133B}, {0x11380, 0x113E2}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11930},
    {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0},
    {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D45}, {0x11D97, 0x11D97},
    {0x11F41, 0x11F42}, {0x16100, 0x1612F}, {0x16D40, 0x16D6A}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F},
    {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF},
}};

inline bool is_nfc_unassigned(char32_t code) noexcept {
  const auto* at = std::lower_bound(nfc_unassigned.begin(), nfc_unassigned.end(), code,
                                    [](const auto& range, char32_t c) { return range.second < c; });
  return at != nfc_unassigned.end() && at->first <= code;
}

// False if the character is in NFC in any context and ends the preceding combining sequence. True only for marks,
// Hangul and characters with a decomposition; no character below U+0300 changes by itself.
inline bool may_change_in_nfc(char32_t code) noexcept {
  // U+11A7 precedes the range of trailing consonants and composes with nothing; utf8proc 2.8 drops it after a syllable.
  if (code < 0x300 || code == 0x11A7) return false;
  if ((code >= 0x1100 && code <= 0x11FF) || (code >= 0xAC00 && code <= 0xD7A3)) return true;
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(code));
  const bool mark = property->category == UTF8PROC_CATEGORY_MN || property->category == UTF8PROC_CATEGORY_MC ||
                    property->category == UTF8PROC_CATEGORY_ME;
  return (mark || property->decomp_seqindex != UINT16_MAX) && !is_nfc_unassigned(code);
}

// Puts the marks of each combining sequence into canonical order; utf8proc's own ordering is quadratic on long runs.
inline void canonical_order(std::vector<utf8proc_int32_t>& codes) {
  // class << 56 | position << 21 | code: the position keeps the order of equal classes.
  std::vector<std::uint64_t> run;
  for (std::size_t i = 0; i < codes.size();) {
    run.clear();
    bool sorted = true;
    for (std::size_t at = i; at < codes.size(); ++at) {
      const std::uint64_t rank = static_cast<std::uint64_t>(utf8proc_get_property(codes[at])->combining_class);
      if (rank == 0) break;
      run.push_back(rank << 56 | static_cast<std::uint64_t>(run.size()) << 21 | static_cast<std::uint64_t>(codes[at]));
      sorted = sorted && (run.size() < 2 || run[run.size() - 2] < run.back());
    }
    if (!sorted) {
      std::sort(run.begin(), run.end());
      for (std::size_t k = 0; k < run.size(); ++k) codes[i + k] = static_cast<utf8proc_int32_t>(run[k] & 0x1FFFFF);
    }
    i += std::max<std::size_t>(run.size(), 1);
  }
}

// Appends the NFC of a stretch of valid UTF-8 that does not combine with its surroundings.
inline void append_nfc_stretch(std::string& out, std::string_view stretch) {
  std::vector<utf8proc_int32_t> codes;
  codes.reserve(stretch.size());
  for (std::size_t pos = 0; pos < stretch.size();) {
    const Utf8Char c = decode_utf8(stretch, pos);
    pos += c.bytes;
    constexpr std::size_t longest = 4;  // code points of any canonical decomposition
    std::array<utf8proc_int32_t, longest> parts;
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.code), parts.data(), longest,
                                                           UTF8PROC_DECOMPOSE, &boundary);
    codes.insert(codes.end(), parts.begin(), parts.begin() + count);
  }
  canonical_order(codes);
  const utf8proc_ssize_t length =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  codes.resize(static_cast<std::size_t>(length));
  for (const utf8proc_int32_t code : codes) append_utf8(out, static_cast<char32_t>(code));
}

}  // namespace detail

/// NFC of valid UTF-8 with Unicode 9.0 data, as in Hugging Face tokenizers. Text that cannot change is copied without
/// normalisation.
std::string nfc(std::string_view text);

#if VLMT_HAS_BODIES

VLMT_BODY std::string nfc(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;      // text before `done` is in `out`
  std::size_t previous = 0;  // last character before `pos`, with which a mark at `pos` may combine
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    if (!detail::may_change_in_nfc(c.code)) {
      previous = pos;
      pos += c.bytes;
      continue;
    }
    if (previous < pos && detail::is_nfc_unassigned(decode_utf8(text, previous).code)) previous = pos;
    std::size_t end = pos + c.bytes;
    while (end < text.size()) {
      const Utf8Char next = decode_utf8(text, end);
      if (!detail::may_change_in_nfc(next.code)) break;
      end += next.bytes;
    }
    out += text.substr(done, previous - done);
    detail::append_nfc_stretch(out, text.substr(previous, end - previous));
    done = previous = pos = end;
  }
  out += text.substr(done);
  return out;
}

#endif

VLMT_END_NAMESPACE
