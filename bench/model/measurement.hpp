// What was measured, and the figures that follow from it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

/// What is run again and again.
struct Case {
  enum class Stage { load, vision, prefill, decode, article };
  Stage stage = Stage::decode;
  std::size_t threads = 1;
  std::size_t tokens = 0;  ///< of the prompt, or that each sequence generates
  std::size_t depth = 0;   ///< tokens in the KV cache before
  std::size_t batch = 1;   ///< sequences that decode together
  int width = 0;           ///< of the picture
  int height = 0;
};

/// The median; 0 of nothing.
inline double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/// Runs of one case, each with the limit of the processor measured right before it.
struct Measurement {
  enum class Bound { none, reading, arithmetic };

  Case what;
  double bytes = 0;       ///< that one run reads at least
  double operations = 0;  ///< that one run does at least
  Bound bound = Bound::none;
  std::vector<double> seconds;
  std::vector<double> limits;      ///< bytes or operations a second, as `bound` says
  std::vector<double> peer_rates;  ///< tokens (or pictures) a second of the peer
  std::size_t failures = 0;
  // Of an article only.
  std::vector<double> first_token;  ///< seconds
  std::vector<double> decode_rate;  ///< tokens a second
  std::size_t peak_bytes = 0;

  /// Tokens of all sequences, pictures, or loads in one run.
  double units() const {
    const bool tokens = what.stage == Case::Stage::prefill || what.stage == Case::Stage::decode;
    return tokens ? static_cast<double>(what.tokens * what.batch) : 1.0;
  }
  /// Units a second, run by run.
  std::vector<double> rates() const {
    std::vector<double> r;
    for (double s : seconds) r.push_back(units() / s);
    return r;
  }
  double rate() const { return median(rates()); }
  /// Work a second over the limit beside it, the median of all runs; 0 if there is no limit.
  double fraction() const {
    std::vector<double> f;
    const double work = bound == Bound::reading ? bytes : operations;
    for (std::size_t i = 0; i < limits.size() && i < seconds.size(); ++i) f.push_back(work / seconds[i] / limits[i]);
    return median(f);
  }
  /// Our rate over the peer's, the median over runs that stand next to each other; 0 without a peer.
  double ratio() const {
    std::vector<double> r;
    for (std::size_t i = 0; i < peer_rates.size() && i < seconds.size(); ++i) {
      r.push_back(units() / seconds[i] / peer_rates[i]);
    }
    return median(r);
  }
};

inline const char* name(Case::Stage s) {
  switch (s) {
    case Case::Stage::load:
      return "load";
    case Case::Stage::vision:
      return "vision";
    case Case::Stage::prefill:
      return "prefill";
    case Case::Stage::decode:
      return "decode";
    default:
      return "article";
  }
}

/// A name that is the same in every run of the program: what baselines are compared by.
inline std::string name(const Case& c) {
  std::string text = name(c.stage);
  if (c.stage == Case::Stage::vision) text += " " + std::to_string(c.width) + "x" + std::to_string(c.height);
  if (c.stage == Case::Stage::prefill || c.stage == Case::Stage::decode) text += " " + std::to_string(c.tokens);
  if (c.depth != 0) text += " @" + std::to_string(c.depth);
  if (c.batch > 1) text += " x" + std::to_string(c.batch);
  return text + ", " + std::to_string(c.threads) + (c.threads == 1 ? " thread" : " threads");
}

/// All that one run of the program found.
struct Report {
  std::string version;
  std::string arch;
  std::string processor;
  std::string model;
  std::string peer;
  std::size_t weight_bytes = 0;
  bool weights_mapped = false;  ///< from a file, and so no part of the plan
  std::size_t plan_bytes = 0;
  std::size_t peak_bytes = 0;
  std::vector<Measurement> measurements;
};
