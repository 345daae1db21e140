// Which tokens an answer may have: the interface between sessions and grammars.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// The tokens that may follow in one answer. Called on the thread of the session, between tokens.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;
  /// Sets bit t % 32 of word t / 32 for each token t that may follow, and clears all others.
  virtual void fill_mask(std::span<std::uint32_t> mask) = 0;
  /// Appends a token that the mask allowed.
  virtual void accept(int token) = 0;
  /// True once an end token was accepted.
  virtual bool ended() const = 0;
};

/// Begins an answer. GenerateOptions::constraint; see runtime/grammar_constraint.hpp.
using ConstraintFactory = std::function<std::unique_ptr<TokenConstraint>()>;

VLMT_END_NAMESPACE
