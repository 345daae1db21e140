// See report_markdown.hpp.
#include "report_markdown.hpp"

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace eval {
namespace {

/// Escapes text for a table cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string markdown_rows(const Result& result) {
  const bool paired = result.baseline.has_value();
  std::string out = "| task | metric | items | score | 95 % interval | exact match | |";
  out += paired ? " difference | gained | lost | p |\n|---|---|---:|---:|---|---:|---|---:|---:|---:|---:|\n"
                : "\n|---|---|---:|---:|---|---:|---|\n";
  for (const Row& row : result.rows) {
    out += "| " + cell(row.task) + " | " + row.metric + " | " + std::to_string(row.items) + " | " +
           percent(row.score.mean) + " | " + interval_text(row.score) + " | " + percent(row.exact) + " | " +
           detail_text(row) + " |";
    if (paired && row.paired) {
      out += " " + signed_percent(row.paired->difference) + " | " + std::to_string(row.paired->gained) + " | " +
             std::to_string(row.paired->lost) + " | " + probability(row.paired->p) + " |";
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::string to_markdown_overview(const Report& report) {
  const std::vector<std::string> tasks = tasks_of(report);
  std::string out = "| configuration |", rule = "|---|";
  for (const std::string& task : tasks) {
    out += " " + cell(task) + " |";
    rule += "---:|";
  }
  out += " difference | p | s/item |\n" + rule + "---:|---:|---:|\n";
  for (const Result& result : report.results) {
    out += "| " + cell(result.label) + " |";
    for (const std::string& task : tasks) {
      const Row* row = find_row(result, task);
      out += " ";
      if (row != nullptr) {
        out += percent(row->score.mean);
        if (row->paired && row->paired->p < significant) out += "\\*";
      }
      out += " |";
    }
    const Row* all = find_row(result, "all");
    const bool paired = all != nullptr && all->paired;
    out += paired ? " " + signed_percent(all->paired->difference) + " | " + probability(all->paired->p) + " |" : " | |";
    char seconds[32] = "";
    if (all != nullptr)
      std::snprintf(seconds, sizeof seconds, " %.3f", result.seconds / static_cast<double>(all->items));
    out += std::string(seconds) + " |\n";
  }
  return out;
}

std::string to_markdown(const Report& report) {
  if (!report.compares()) return report.results.empty() ? std::string() : markdown_rows(report.results.front());
  std::string out =
      "Scores in per cent. An asterisk marks p < 0.05 in McNemar's exact test against the baseline on the questions "
      "that both answered; by chance one in twenty comparisons of equally good configurations is marked. Difference "
      "and p count every question as right or wrong. The first configuration of a model is its baseline.\n\n";
  out += to_markdown_overview(report);
  for (const Result& result : report.results) {
    out += "\n## " + result.label + "\n\n";
    if (result.baseline) out += "Compared with " + report.results[*result.baseline].label + ".\n\n";
    out += markdown_rows(result);
  }
  return out;
}

}  // namespace eval
