// Markdown, CSV and JSON reports, and the comparison with an earlier report.
#include "report.hpp"

#include <stdexcept>

#include <nlohmann/json.hpp>

#include "format.hpp"

namespace {

using nlohmann::json;

const char* unit(const Measurement& m) {
  switch (m.what.stage) {
    case Case::Stage::prefill:
    case Case::Stage::decode:
      return "tokens/s";
    case Case::Stage::vision:
      return "images/s";
    default:
      return "1/s";
  }
}

std::string percent(double share) {
  return share == 0 ? std::string() : format("%.0f %%", share * 100);
}
std::string times(double ratio) {
  return ratio == 0 ? std::string() : format("%.2fx", ratio);
}
double mebibytes(std::size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

std::string limit_text(const Measurement& m) {
  const double limit = median(m.limits);
  if (m.bound == Measurement::Bound::reading) return format("%.1f GB/s", limit * 1e-9);
  if (m.bound == Measurement::Bound::arithmetic) return format("%.0f Gop/s", limit * 1e-9);
  return {};
}

}  // namespace

std::string to_markdown(const Report& r) {
  std::string text = format("vlmt %s (%s) on %s\n\n", r.version.c_str(), r.arch.c_str(), r.processor.c_str());
  text += format("%s: weights %.0f MiB%s, plan %.0f MiB", r.model.c_str(), mebibytes(r.weight_bytes),
                 r.weights_mapped ? " mapped from a file" : "", mebibytes(r.plan_bytes));
  if (r.peak_bytes != 0) text += format(", peak %.0f MiB", mebibytes(r.peak_bytes));
  text += "\n\n";
  bool peers = false;
  for (const Measurement& m : r.measurements) peers = peers || !m.peer_rates.empty();
  if (peers) text += "peer: " + (r.peer.empty() ? std::string("unknown version") : r.peer) + "\n\n";
  text += peers ? "| case | ms | rate | of the limit | limit | peer | ratio |\n|---|--:|--:|--:|--:|--:|--:|\n"
                : "| case | ms | rate | of the limit | limit |\n|---|--:|--:|--:|--:|\n";
  for (const Measurement& m : r.measurements) {
    if (m.what.stage == Case::Stage::article) continue;
    text += format("| %s | %.1f | %.2f %s | %s | %s |", name(m.what).c_str(), median(m.seconds) * 1e3, m.rate(),
                   unit(m), percent(m.fraction()).c_str(), limit_text(m).c_str());
    if (peers) {
      text += m.peer_rates.empty() ? " | |" : format(" %.2f | %s |", median(m.peer_rates), times(m.ratio()).c_str());
    }
    text += "\n";
  }
  for (const Measurement& m : r.measurements) {
    if (m.what.stage != Case::Stage::article) continue;
    text += format(
        "\narticle, %zu threads: a 512x512 image and 128 tokens in, 256 out; %zu runs, %zu failures\n\n"
        "| | median |\n|---|--:|\n| total | %.2f s |\n| first token | %.2f s |\n| decode | %.1f tokens/s |\n"
        "| peak memory | %.0f MiB |\n",
        m.what.threads, m.seconds.size() + m.failures, m.failures, median(m.seconds), median(m.first_token),
        median(m.decode_rate), mebibytes(m.peak_bytes));
  }
  return text;
}

std::string to_csv(const Report& r) {
  std::string text =
      "stage,tokens,depth,batch,width,height,threads,runs,failures,seconds,rate,unit,fraction,limit,peer_rate,ratio\n";
  for (const Measurement& m : r.measurements) {
    const Case& c = m.what;
    text += format("%s,%zu,%zu,%zu,%d,%d,%zu,%zu,%zu,%.9g,%.6g,%s,%.4g,%.6g,%.6g,%.4g\n", name(c.stage), c.tokens,
                   c.depth, c.batch, c.width, c.height, c.threads, m.seconds.size(), m.failures, median(m.seconds),
                   m.rate(), unit(m), m.fraction(), median(m.limits), median(m.peer_rates), m.ratio());
  }
  return text;
}

std::string to_json(const Report& r) {
  json cases = json::array();
  for (const Measurement& m : r.measurements) {
    const Case& c = m.what;
    json one = {{"case", name(c)},
                {"stage", name(c.stage)},
                {"threads", c.threads},
                {"tokens", c.tokens},
                {"depth", c.depth},
                {"batch", c.batch},
                {"width", c.width},
                {"height", c.height},
                {"seconds", m.seconds},
                {"rate", m.rate()},
                {"unit", unit(m)},
                {"bytes", m.bytes},
                {"operations", m.operations},
                {"failures", m.failures}};
    if (m.bound != Measurement::Bound::none) {
      one["bound"] = m.bound == Measurement::Bound::reading ? "reading" : "arithmetic";
      one["limits"] = m.limits;
      one["fraction"] = m.fraction();
    }
    if (!m.peer_rates.empty()) {
      one["peer_rates"] = m.peer_rates;
      one["ratio"] = m.ratio();
    }
    if (c.stage == Case::Stage::article) {
      one["first_token_seconds"] = m.first_token;
      one["decode_rates"] = m.decode_rate;
      one["peak_bytes"] = m.peak_bytes;
    }
    cases.push_back(std::move(one));
  }
  const json report = {{"program", "vlmt-bench"},
                       {"version", r.version},
                       {"arch", r.arch},
                       {"processor", r.processor},
                       {"model", r.model},
                       {"peer", r.peer},
                       {"weight_bytes", r.weight_bytes},
                       {"weights_mapped", r.weights_mapped},
                       {"plan_bytes", r.plan_bytes},
                       {"peak_bytes", r.peak_bytes},
                       {"cases", std::move(cases)}};
  return report.dump(1) + "\n";
}

std::string compare(const Report& r, const std::string& baseline_json, const std::string& name_of_baseline) {
  const json baseline = json::parse(baseline_json, nullptr, false);
  if (!baseline.is_object() || !baseline.contains("cases") || !baseline["cases"].is_array()) {
    throw std::runtime_error(name_of_baseline + ": is not a JSON report of vlmt-bench");
  }
  std::string text = "\nagainst " + name_of_baseline + "\n\n| case | before | now | change |\n|---|--:|--:|--:|\n";
  for (const Measurement& m : r.measurements) {
    for (const json& old : baseline["cases"]) {
      if (!old.is_object() || old.value("case", "") != name(m.what) || !old.contains("rate")) continue;
      if (!old["rate"].is_number() || !(old["rate"].get<double>() > 0)) continue;
      const double before = old["rate"].get<double>();
      text += format("| %s | %.2f | %.2f | %+.1f %% |\n", name(m.what).c_str(), before, m.rate(),
                     (m.rate() / before - 1) * 100);
    }
  }
  return text;
}
