// The model under measurement: runs benchmark cases and returns seconds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "measurement.hpp"
#include "options.hpp"
#include "profile.hpp"

/// A loaded model with the state for its cases. All functions pass on exceptions of the library.
class Subject {
 public:
  /// Loads the model on `threads` threads, with context and sequences for the cases in `options`, which must outlive
  /// this object.
  Subject(const Options& options, std::size_t threads);
  ~Subject();
  Subject(Subject&&) noexcept;

  double load_seconds() const noexcept;
  std::size_t weight_bytes() const noexcept;
  bool weights_mapped() const noexcept;
  std::size_t plan_bytes() const noexcept;
  std::string arch() const;

  /// Sets the bytes, operations and bound of the case `m.what`.
  void describe(Measurement& m) const;
  /// Runs a case once and returns its seconds. For an article, adds its details to `m`; for a load, returns
  /// load_seconds().
  double run(const Case& c, Measurement& m);
  /// Measures the limit of a case now: bytes or operations per second; 0 without a bound.
  double limit(const Measurement& m);
  /// Times the operations of one step of a decode, prefill or vision case.
  std::vector<TimedOp> profile(const Case& c);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
