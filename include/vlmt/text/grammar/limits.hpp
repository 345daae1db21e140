// Limits of constrained decoding, and the budget that compiling a grammar spends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"

VLMT_BEGIN_NAMESPACE

/// Bounds on what a grammar may cost, for input of strangers. The defaults compile in well under a second and take at
/// most some tens of megabytes; real schemas need a hundredth of them.
struct GrammarLimits {
  std::size_t text_bytes = std::size_t{1} << 18;      ///< of the schema, expression or grammar
  std::size_t depth = 64;                             ///< nesting of JSON, groups and references
  std::size_t rules = 4096;                           ///< rules that call each other
  std::size_t states = std::size_t{1} << 16;          ///< deterministic states of all rules
  std::size_t nfa_states = std::size_t{1} << 18;      ///< states before that, and copies of repeated parts
  std::uint64_t steps = std::uint64_t{1} << 25;       ///< elementary steps of all constructions
  std::size_t configurations = 1024;                  ///< ways to read a text at the same time
  std::uint64_t mask_steps = std::uint64_t{1} << 22;  ///< ways to read, summed over the tokens tried for one mask
  std::size_t alternatives = 256;                     ///< combinations of anyOf and oneOf in one place
  std::size_t repeats = 4096;                         ///< largest count of a repetition and of items of an array
  std::size_t matcher_bytes = std::size_t{1} << 26;   ///< cached states and masks of one grammar, each
};

namespace grammar {

/// What compiling one grammar has used. Each call throws LimitError once its limit is exceeded.
class Budget {
 public:
  explicit Budget(const GrammarLimits& limits) : limits_(limits) {}

  const GrammarLimits& limits() const noexcept { return limits_; }
  void steps(std::size_t n = 1) { add(steps_, n, limits_.steps, "steps of the construction"); }
  void nfa_states(std::size_t n = 1) { add(nfa_states_, n, limits_.nfa_states, "states before determinising"); }
  void states(std::size_t n = 1) { add(states_, n, limits_.states, "states"); }
  void rules(std::size_t n = 1) { add(rules_, n, limits_.rules, "rules"); }

  /// Checks a number that is no sum.
  static void check(std::size_t found, std::size_t limit, const std::string& what, const std::string& where = {}) {
    if (found > limit) exceeded(found, limit, what, where);
  }

 private:
  [[noreturn]] static void exceeded(std::uint64_t found, std::uint64_t limit, const std::string& what,
                                    const std::string& where) {
    throw LimitError("grammar is too large: " + what, {.file = {},
                                                       .offset = {},
                                                       .field = where,
                                                       .expected = "at most " + std::to_string(limit),
                                                       .found = std::to_string(found) + " or more"});
  }
  static void add(std::uint64_t& sum, std::size_t n, std::uint64_t limit, const char* what) {
    sum += n;
    if (sum > limit) exceeded(sum, limit, what, {});
  }

  GrammarLimits limits_;
  std::uint64_t steps_ = 0, nfa_states_ = 0, states_ = 0, rules_ = 0;
};

}  // namespace grammar

VLMT_END_NAMESPACE
