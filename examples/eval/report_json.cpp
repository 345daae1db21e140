// See report_json.hpp.
#include "report_json.hpp"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace eval {
namespace {

nlohmann::ordered_json json_row(const Row& row) {
  nlohmann::ordered_json json = {{"task", row.task},        {"metric", row.metric}, {"items", row.items},
                                 {"score", row.score.mean}, {"low", row.score.low}, {"high", row.score.high},
                                 {"exact", row.exact}};
  if (row.detail) json["detail"] = {{"name", row.detail_name}, {"mean", *row.detail}};
  if (row.paired) {
    json["paired"] = {{"difference", row.paired->difference},
                      {"gained", row.paired->gained},
                      {"lost", row.paired->lost},
                      {"p", row.paired->p}};
  }
  return json;
}

}  // namespace

std::string to_json(const Report& report) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const Result& result : report.results) {
    const Configuration& c = result.configuration;
    nlohmann::ordered_json rows = nlohmann::ordered_json::array(), answers = nlohmann::ordered_json::array();
    for (const Row& row : result.rows) rows.push_back(json_row(row));
    for (const Judged& j : result.judged) {
      answers.push_back(
          {{"id", j.item.id}, {"answer", j.answer.text}, {"score", j.judgement.score}, {"seconds", j.answer.seconds}});
    }
    nlohmann::ordered_json json = {{"label", result.label},
                                   {"model", c.model},
                                   {"mmproj", c.mmproj},
                                   {"weights", c.weights},
                                   {"vision_weights", c.vision_weights},
                                   {"kv", c.kv},
                                   {"kernels", c.kernels},
                                   {"images", c.images},
                                   {"deepstack", c.deepstack},
                                   {"scale", c.scale},
                                   {"experts", c.experts},
                                   {"seconds", result.seconds},
                                   {"answer_tokens", result.tokens},
                                   {"visual_tokens", result.visual_tokens},
                                   {"rows", std::move(rows)},
                                   {"answers", std::move(answers)}};
    if (result.baseline) json["baseline"] = report.results[*result.baseline].label;
    results.push_back(std::move(json));
  }
  const nlohmann::ordered_json all = {{"set", report.set_file},
                                      {"threads", report.threads},
                                      {"seconds", report.seconds},
                                      {"cpu_seconds", report.cpu_seconds},
                                      {"new_answers", report.new_answers},
                                      {"results", std::move(results)}};
  // File names need not be valid UTF-8.
  return all.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace eval
