// The orientation in an XMP packet (tiff:Orientation), without an XML parser.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/io/bytes.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// The prefix that the packet binds to the namespace of TIFF properties; "tiff", as nearly all do, if it binds none.
inline std::string_view tiff_prefix(std::string_view xml) noexcept {
  const std::size_t uri = xml.find("http://ns.adobe.com/tiff/1.0/");
  if (uri == std::string_view::npos) return "tiff";
  const std::size_t xmlns = xml.substr(0, uri).rfind("xmlns:");
  if (xmlns == std::string_view::npos) return "tiff";
  const std::string_view prefix = xml.substr(xmlns + 6, uri - xmlns - 6);
  return prefix.substr(0, prefix.find_first_of("= \t\r\n"));
}

/// A number of one digit, 1 to 8, at the start of `text` after white space and before one of `ends`; else 0.
inline int orientation_digit(std::string_view text, std::string_view ends) noexcept {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t at = std::min(text.find_first_not_of(space), text.size());
  text.remove_prefix(at);
  if (text.size() < 2 || text[0] < '1' || text[0] > '8') return 0;
  const std::size_t end = text.find_first_not_of(space, 1);
  return end != std::string_view::npos && ends.find(text[end]) != std::string_view::npos ? text[0] - '0' : 0;
}

}  // namespace detail

/// The orientation, 1 to 8, in an XMP packet in UTF-8, as an attribute (tiff:Orientation="6") or as an element
/// (<tiff:Orientation>6</tiff:Orientation>). 0 if there is none or the packet is damaged. Reads the first megabyte.
inline int xmp_orientation(std::span<const std::byte> packet) {
  constexpr std::size_t most = std::size_t{1} << 20;
  constexpr std::string_view space = " \t\r\n";
  const std::string_view xml = detail::as_text(packet.first(std::min(packet.size(), most)));
  const std::string_view prefix = detail::tiff_prefix(xml);
  if (prefix.empty() || prefix.size() > 64) return 0;
  const std::string name = std::string(prefix) + ":Orientation";
  for (std::size_t at = xml.find(name); at != std::string_view::npos; at = xml.find(name, at + 1)) {
    if (at == 0) continue;
    std::string_view rest = xml.substr(at + name.size());
    if (space.find(xml[at - 1]) != std::string_view::npos) {  // an attribute
      rest.remove_prefix(std::min(rest.find_first_not_of(space), rest.size()));
      if (rest.empty() || rest[0] != '=') continue;
      rest.remove_prefix(1);
      rest.remove_prefix(std::min(rest.find_first_not_of(space), rest.size()));
      if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) continue;
      if (const int value = detail::orientation_digit(rest.substr(1), rest.substr(0, 1))) return value;
    } else if (xml[at - 1] == '<') {  // an element, perhaps with attributes
      if (rest.empty() || (rest[0] != '>' && space.find(rest[0]) == std::string_view::npos)) continue;
      rest.remove_prefix(std::min(rest.substr(0, 1024).find('>'), rest.size()));
      if (rest.empty()) continue;
      if (const int value = detail::orientation_digit(rest.substr(1), "<")) return value;
    }
  }
  return 0;
}

VLMT_END_NAMESPACE
