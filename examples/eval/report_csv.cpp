// See report_csv.hpp.
#include "report_csv.hpp"

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace eval {
namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

std::string to_csv(const Report& report) {
  std::string out =
      "configuration,model,weights,vision_weights,kv,kernels,images,deepstack,scale,experts,task,metric,items,score,"
      "low,high,exact,detail_name,detail,baseline,difference,gained,lost,p\r\n";
  for (const Result& result : report.results) {
    const Configuration& c = result.configuration;
    for (const Row& row : result.rows) {
      std::vector<std::string> fields = {result.label,
                                         c.name,
                                         c.weights,
                                         c.vision_weights,
                                         c.kv,
                                         c.kernels,
                                         c.images,
                                         c.deepstack,
                                         short_number(c.scale),
                                         c.experts == 0 ? "all" : std::to_string(c.experts),
                                         row.task,
                                         row.metric,
                                         std::to_string(row.items),
                                         csv_number(row.score.mean),
                                         csv_number(row.score.low),
                                         csv_number(row.score.high),
                                         csv_number(row.exact),
                                         row.detail ? row.detail_name : "",
                                         row.detail ? csv_number(*row.detail) : ""};
      if (row.paired) {
        fields.push_back(report.results[*result.baseline].label);
        fields.push_back(csv_number(row.paired->difference));
        fields.push_back(std::to_string(row.paired->gained));
        fields.push_back(std::to_string(row.paired->lost));
        fields.push_back(csv_number(row.paired->p));
      } else {
        fields.resize(fields.size() + 5);
      }
      for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : ",") + csv_field(fields[i]);
      out += "\r\n";
    }
  }
  return out;
}

}  // namespace eval
