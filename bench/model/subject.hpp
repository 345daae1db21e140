// The model under measurement, behind functions that give seconds and know nothing of tables and peers.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "measurement.hpp"
#include "options.hpp"
#include "profile.hpp"

/// A loaded model with everything that its cases need. All functions throw what the library throws.
class Subject {
 public:
  /// Loads the model with `threads` threads; context and sequences are sized for the cases in `options`.
  Subject(const Options& options, std::size_t threads);
  ~Subject();
  Subject(Subject&&) noexcept;

  double load_seconds() const noexcept;
  std::size_t weight_bytes() const noexcept;
  bool weights_mapped() const noexcept;
  std::size_t plan_bytes() const noexcept;
  std::string arch() const;

  /// Bytes, operations and what bounds a case.
  void describe(Measurement& m) const;
  /// Runs a case once and returns its seconds. An article writes its details to `m`.
  double run(const Case& c, Measurement& m);
  /// The rate that bounds a case, measured now; 0 without a bound.
  double limit(const Measurement& m);
  /// Where the time of one step of a decode, prefill or vision case goes.
  std::vector<TimedOp> profile(const Case& c);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
