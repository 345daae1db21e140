// See data_uri.hpp.
#include "data_uri.hpp"

#include <cctype>
#include <cstdint>

#include <vlmt/base/error.hpp>

#include "shell_words.hpp"

namespace programs {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

int base64_digit(char c) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = digits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::vector<std::byte> base64_decoded(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::vector<std::byte> out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int digit = base64_digit(text[i]);
    if (digit < 0) {
      throw vlmt::InputError("is not base64",
                             {.file = "data: URI", .offset = i, .found = "byte " + std::to_string(text[i] & 0xff)});
    }
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>(bits >> count & 0xff));
    }
  }
  if (count == 6) throw vlmt::InputError("the base64 is cut off", {.file = "data: URI"});
  return out;
}

}  // namespace

bool is_data_uri(std::string_view text) {
  return lower(text.substr(0, 5)) == "data:";
}

DataUri read_data_uri(std::string_view uri, std::size_t most) {
  const std::size_t comma = uri.find(',');
  if (comma == std::string_view::npos) throw vlmt::InputError("has no comma before its data", {.file = "data: URI"});
  const std::string head = lower(uri.substr(5, comma - 5));
  if (!head.ends_with(";base64")) {
    throw vlmt::InputError("has another encoding", {.file = "data: URI", .expected = ";base64", .found = head});
  }
  const std::string_view data = uri.substr(comma + 1);
  if (data.size() / 4 * 3 > most) {
    throw vlmt::LimitError("is too large", {.file = "data: URI",
                                            .expected = "at most " + std::to_string(most) + " bytes",
                                            .found = std::to_string(data.size() / 4 * 3)});
  }
  // Some writers escape '+', '/' and '='.
  const bool escaped = data.find('%') != std::string_view::npos;
  return {head.substr(0, head.find(';')), base64_decoded(escaped ? std::string_view(percent_decoded(data)) : data)};
}

}  // namespace programs
