// Decimal numbers of any size, exact: bounds and values of schemas.
#pragma once

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// Sign, digits before the point without leading zeros, digits after it without trailing zeros. Zero has neither.
struct Decimal {
  bool negative = false;
  std::string whole = {}, fraction = {};

  static constexpr std::size_t max_digits = 400;

  /// From the text of a JSON number; nothing if it needs more than max_digits digits on one side of the point.
  static std::optional<Decimal> parse(std::string_view text) {
    Decimal d;
    d.negative = text.starts_with('-');
    if (d.negative) text.remove_prefix(1);
    const std::size_t e = std::min(text.find_first_of("eE"), text.size());
    const std::string_view mantissa = text.substr(0, e);
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    std::string digits(mantissa.substr(0, point));
    if (point < mantissa.size()) digits += mantissa.substr(point + 1);
    std::int64_t exponent = 0;
    if (e < text.size()) {
      const std::string_view power = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
      if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc()) exponent = 1 << 20;
    }
    if (digits.find_first_not_of('0') == std::string::npos) return Decimal{};
    const std::int64_t at = static_cast<std::int64_t>(point) + exponent;
    const auto limit = static_cast<std::int64_t>(max_digits);
    if (digits.size() > max_digits || at > limit || at < -limit) return std::nullopt;
    if (at <= 0) digits.insert(0, static_cast<std::size_t>(-at) + 1, '0');
    const auto split = static_cast<std::size_t>(at <= 0 ? 1 : at);
    if (digits.size() < split) digits.append(split - digits.size(), '0');
    d.whole = digits.substr(0, split);
    d.fraction = digits.substr(split);
    d.whole.erase(0, std::min(d.whole.find_first_not_of('0'), d.whole.size()));
    d.fraction.erase(d.fraction.find_last_not_of('0') + 1);
    return d;
  }

  bool is_zero() const noexcept { return whole.empty() && fraction.empty(); }
  bool is_integer() const noexcept { return fraction.empty(); }

  Decimal negated() const {
    Decimal d = *this;
    d.negative = !negative && !is_zero();
    return d;
  }

  /// As JSON writes it, without an exponent.
  std::string text() const {
    std::string out = negative ? "-" : "";
    out += whole.empty() ? "0" : whole;
    if (!fraction.empty()) out += "." + fraction;
    return out;
  }

  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) noexcept {
    if (a.negative != b.negative) return a.negative ? std::strong_ordering::less : std::strong_ordering::greater;
    std::strong_ordering order = a.whole.size() <=> b.whole.size();
    if (order == 0) order = a.whole <=> b.whole;
    if (order == 0) order = a.fraction <=> b.fraction;  // without trailing zeros, a prefix is smaller
    return a.negative ? 0 <=> order : order;
  }
  friend bool operator==(const Decimal&, const Decimal&) = default;

  /// The remainder of the magnitude divided by `divisor`, counted in units of the last of `digits` decimals; nothing if
  /// the number has more decimals than that. Requires divisor below 2^32.
  std::optional<std::uint64_t> remainder(std::uint64_t divisor, std::size_t digits) const noexcept {
    if (fraction.size() > digits) return std::nullopt;
    std::uint64_t r = 0;
    for (const char c : whole) r = (r * 10 + static_cast<std::uint64_t>(c - '0')) % divisor;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = i < fraction.size() ? fraction[i] : '0';
      r = (r * 10 + static_cast<std::uint64_t>(c - '0')) % divisor;
    }
    return r;
  }
};

}  // namespace grammar

VLMT_END_NAMESPACE
