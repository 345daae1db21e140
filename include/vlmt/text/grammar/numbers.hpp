// Automata of JSON numbers within bounds.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/text/grammar/decimal.hpp"
#include "vlmt/text/grammar/dfa.hpp"
#include "vlmt/text/grammar/dfa_algebra.hpp"
#include "vlmt/text/grammar/limits.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// What a number must be. Bounds are those of the value.
struct NumberRange {
  bool integers = true, fractions = true;  ///< numbers with a value that is an integer, and others
  std::optional<Decimal> low, high;
  bool above_low = false, below_high = false;  ///< the bound itself is excluded
  /// The value is a multiple of step / 10^decimals; 0: of nothing.
  std::uint64_t step = 0;
  std::size_t decimals = 0;

  bool bounded() const noexcept { return low || high || step != 0 || integers != fractions; }
  bool contains(const Decimal& d) const noexcept {
    if (d.is_integer() ? !integers : !fractions) return false;
    if (low && (above_low ? d <= *low : d < *low)) return false;
    if (high && (below_high ? d >= *high : d > *high)) return false;
    return step == 0 || d.remainder(step, decimals) == 0u;
  }
  /// True only if no number is in the range.
  bool empty() const noexcept {
    if (!integers && !fractions) return true;
    return low && high && (above_low || below_high ? *low >= *high : *low > *high);
  }
};

/// Digits of numbers: a model that repeats a digit must come to an end.
struct NumberDigits {
  std::size_t whole = 20, fraction = 20, exponent = 2;
};

/// Texts of the numbers in a range: an integer without fraction, others with one; no exponent unless the range is not
/// bounded at all; zero has no sign.
class NumberAutomaton {
 public:
  NumberAutomaton(const NumberRange& range, const NumberDigits& digits) : r_(range), digits_(digits) {}

  Dfa build(Budget& budget) const {
    return explore(
        State{}, "+-.0123456789Ee", [&](const State& s, char c) { return step(s, c); },
        [&](const State& s) { return final(s); }, budget);
  }

 private:
  enum Phase : std::uint8_t { begin, sign, zero, whole, point, fraction, e, e_sign, exponent };
  // Order of the digits so far and those of a bound.
  enum Order : std::int8_t { less = -1, same = 0, more = 1 };

  struct State {
    Phase phase = begin;
    bool negative = false;
    std::uint16_t count = 0;        // digits of this phase
    std::int8_t low = 0, high = 0;  // Order to the magnitudes of the bounds
    bool nonzero = false;           // a digit of the fraction is not 0
    std::uint64_t rest = 0;
    friend auto operator<=>(const State&, const State&) = default;
  };

  // The bounds of the magnitude: those of a negative number change places.
  const Decimal* smallest(bool negative) const noexcept {
    const std::optional<Decimal>& b = negative ? r_.high : r_.low;
    return b && b->negative == negative ? &*b : nullptr;
  }
  const Decimal* largest(bool negative) const noexcept {
    const std::optional<Decimal>& b = negative ? r_.low : r_.high;
    return b && (b->negative == negative || b->is_zero()) ? &*b : nullptr;
  }
  // Whether all numbers with this sign are out of the range.
  bool sign_excluded(bool negative) const noexcept {
    if (negative) return r_.low && !r_.low->negative;
    return r_.high && r_.high->negative;
  }

  static std::int8_t order(char a, char b) noexcept { return a < b ? less : a > b ? more : same; }
  static char digit(const std::string& digits, std::size_t i) noexcept { return i < digits.size() ? digits[i] : '0'; }

  std::optional<State> step(const State& s, char c) const {
    const bool is_digit = c >= '0' && c <= '9';
    State n = s;
    switch (s.phase) {
      case begin:
        if (c == '-') {
          if (sign_excluded(true)) return std::nullopt;
          n.phase = sign;
          n.negative = true;
          return n;
        }
        if (!is_digit || sign_excluded(false)) return std::nullopt;
        return first_digit(n, c);
      case sign:
        if (!is_digit) return std::nullopt;
        return first_digit(n, c);
      case zero:
      case whole:
        if (is_digit && s.phase == whole) return whole_digit(n, c);
        if (c == '.' && r_.fractions) return end_whole(n);
        if ((c == 'e' || c == 'E') && !r_.bounded()) return to_phase(n, e);
        return std::nullopt;
      case point:
      case fraction:
        if (is_digit) return fraction_digit(n, c);
        if ((c == 'e' || c == 'E') && s.phase == fraction && !r_.bounded()) return to_phase(n, e);
        return std::nullopt;
      case e:
        if (c == '+' || c == '-') return to_phase(n, e_sign);
        [[fallthrough]];
      case e_sign:
      case exponent:
        if (!is_digit || (s.phase == exponent && s.count >= digits_.exponent)) return std::nullopt;
        if (s.phase != exponent) n.count = 0;
        n.phase = exponent;
        ++n.count;
        return n;
    }
    return std::nullopt;
  }

  static std::optional<State> to_phase(State n, Phase p) {
    n.phase = p;
    n.count = 0;
    return n;
  }

  std::optional<State> first_digit(State n, char c) const {
    n.phase = c == '0' ? zero : whole;
    n.count = 0;
    if (c == '0') return n;
    return whole_digit(n, c);
  }

  std::optional<State> whole_digit(State n, char c) const {
    if (n.count >= digits_.whole) return std::nullopt;
    const auto compare = [&](std::int8_t& o, const Decimal* bound) {
      if (bound != nullptr && o == same && n.count < bound->whole.size()) o = order(c, bound->whole[n.count]);
    };
    compare(n.low, smallest(n.negative));
    compare(n.high, largest(n.negative));
    ++n.count;
    if (const Decimal* b = largest(n.negative); b != nullptr) {
      if (n.count > b->whole.size() || (n.count == b->whole.size() && n.high == more)) return std::nullopt;
    }
    if (r_.step != 0) n.rest = (n.rest * 10 + static_cast<std::uint64_t>(c - '0')) % r_.step;
    return n;
  }

  // Compares the numbers of digits, now that all are known.
  State compare_whole(State n) const {
    const std::size_t length = n.phase == zero ? 0 : n.count;
    const auto compare = [&](std::int8_t& o, const Decimal* bound) {
      if (bound == nullptr || length == bound->whole.size()) return;
      o = length < bound->whole.size() ? less : more;
    };
    compare(n.low, smallest(n.negative));
    compare(n.high, largest(n.negative));
    return n;
  }

  std::optional<State> end_whole(State n) const {
    n = compare_whole(n);
    if (n.high == more) return std::nullopt;
    return to_phase(n, point);
  }

  std::optional<State> fraction_digit(State n, char c) const {
    if (n.count >= digits_.fraction) return std::nullopt;
    const auto compare = [&](std::int8_t& o, const Decimal* bound) {
      if (bound != nullptr && o == same) o = order(c, digit(bound->fraction, n.count));
    };
    compare(n.low, smallest(n.negative));
    compare(n.high, largest(n.negative));
    if (largest(n.negative) != nullptr && n.high == more) return std::nullopt;
    n.nonzero = n.nonzero || c != '0';
    if (r_.step != 0) {
      if (n.count < r_.decimals) {
        n.rest = (n.rest * 10 + static_cast<std::uint64_t>(c - '0')) % r_.step;
      } else if (c != '0') {
        return std::nullopt;
      }
    }
    n.phase = fraction;
    ++n.count;
    return n;
  }

  bool final(State s) const {
    if (s.phase == zero || s.phase == whole) {
      if (!r_.integers || (s.phase == zero && s.negative)) return false;
      s = compare_whole(s);
      s.count = 0;
    } else if (s.phase == exponent) {
      return true;
    } else if (s.phase != fraction) {
      return false;
    } else if (r_.bounded() && !s.nonzero) {
      return false;  // an integer is written without a fraction
    }
    // Digits that are missing are zeros.
    const auto settle = [&](std::int8_t o, const Decimal* bound) -> std::int8_t {
      if (bound == nullptr || o != same) return o;
      return bound->fraction.size() > s.count ? less : same;
    };
    const bool negative = s.negative;
    if (const Decimal* b = smallest(negative)) {
      const auto o = settle(s.low, b);
      const bool excluded = negative ? r_.below_high : r_.above_low;
      if (o == less || (o == same && excluded)) return false;
    }
    if (const Decimal* b = largest(negative)) {
      const auto o = settle(s.high, b);
      const bool excluded = negative ? r_.above_low : r_.below_high;
      if (o == more || (o == same && excluded)) return false;
    }
    if (r_.step == 0) return true;
    std::uint64_t rest = s.rest;
    for (std::size_t i = s.count; i < r_.decimals; ++i) rest = rest * 10 % r_.step;
    return rest == 0;
  }

  const NumberRange& r_;
  NumberDigits digits_;
};

}  // namespace grammar

VLMT_END_NAMESPACE
