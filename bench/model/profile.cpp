// See profile.hpp.
#include "profile.hpp"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

std::vector<OpTotal> totals(const std::vector<TimedOp>& ops) {
  std::vector<OpTotal> all;
  for (const TimedOp& op : ops) {
    auto it = std::find_if(all.begin(), all.end(), [&](const OpTotal& t) { return t.name == op.name; });
    if (it == all.end()) it = all.insert(all.end(), {op.name, 0, 0});
    ++it->count;
    it->seconds += op.seconds;
  }
  std::sort(all.begin(), all.end(), [](const OpTotal& a, const OpTotal& b) { return a.seconds > b.seconds; });
  return all;
}

std::string profile_table(const StepProfile& step) {
  const std::vector<TimedOp>& ops = step.ops;
  double sum = 0;
  for (const TimedOp& op : ops) sum += op.seconds;
  std::string text =
      step.name + ", " + std::to_string(ops.size()) + " operations\n\n| operation | count | ms | share |\n";
  text += "|---|--:|--:|--:|\n";
  char line[200];
  for (const OpTotal& t : totals(ops)) {
    std::snprintf(line, sizeof line, "| %s | %zu | %.3f | %.1f %% |\n", t.name.c_str(), t.count, t.seconds * 1e3,
                  t.seconds / sum * 100);
    text += line;
  }
  std::snprintf(line, sizeof line, "| all | %zu | %.3f | |\n", ops.size(), sum * 1e3);
  return text + line;
}

std::string chrome_trace(const std::vector<StepProfile>& steps) {
  nlohmann::json events = nlohmann::json::array();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    events.push_back({{"name", "process_name"}, {"ph", "M"}, {"pid", i + 1}, {"args", {{"name", steps[i].name}}}});
    for (const TimedOp& op : steps[i].ops) {
      events.push_back({{"name", op.name},
                        {"ph", "X"},
                        {"pid", i + 1},
                        {"tid", 1},
                        {"ts", op.begin * 1e6},
                        {"dur", op.seconds * 1e6}});
    }
  }
  return nlohmann::json{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}}.dump();
}
