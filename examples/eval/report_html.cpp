// See report_html.hpp.
#include "report_html.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../common/html.hpp"

namespace eval {

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<std::uint8_t>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? digits[group >> (18 - 6 * k) & 63u] : '=';
    }
  }
  return out;
}

namespace {

using programs::html_text;

/// SVG plot of one task: for each configuration a dot with its interval, and the baseline's score as a dashed line.
std::string html_plot(const Report& report, const std::string& task) {
  constexpr int left = 260, width = 300, line = 22, top = 8;
  const auto count = static_cast<int>(report.results.size());
  const auto x = [&](double share) { return std::to_string(left + static_cast<int>(share * width + 0.5)); };
  const std::string bottom = std::to_string(top + line * count);
  std::string svg = "<figure><figcaption>" + html_text(task) + "</figcaption><svg viewBox=\"0 0 620 " +
                    std::to_string(top + line * count + 24) + "\" role=\"img\">";
  for (const int tick : {0, 25, 50, 75, 100}) {
    const std::string at = x(tick / 100.0);
    svg += "<line class=\"grid\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" + std::to_string(top) + "\" y2=\"" +
           bottom + "\"/><text class=\"tick\" x=\"" + at + "\" y=\"" + std::to_string(top + line * count + 16) + "\">" +
           std::to_string(tick) + "</text>";
  }
  for (int i = 0; i < count; ++i) {
    const Result& result = report.results[static_cast<std::size_t>(i)];
    const Row* row = find_row(result, task);
    if (row == nullptr) continue;
    const std::string y = std::to_string(top + line * i + line / 2);
    const bool marked = row->paired && row->paired->p < significant;
    svg += "<text class=\"name\" x=\"" + std::to_string(left - 10) + "\" y=\"" + y + "\">" + html_text(result.label) +
           "</text>";
    if (result.baseline) {
      if (const Row* base = find_row(report.results[*result.baseline], task)) {
        const std::string at = x(base->score.mean);
        svg += "<line class=\"base\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" + std::to_string(top + line * i + 3) +
               "\" y2=\"" + std::to_string(top + line * (i + 1) - 3) + "\"/>";
      }
    }
    svg += "<line class=\"whisker\" x1=\"" + x(row->score.low) + "\" x2=\"" + x(row->score.high) + "\" y1=\"" + y +
           "\" y2=\"" + y + "\"/><circle class=\"" + (marked ? "marked" : "dot") + "\" cx=\"" + x(row->score.mean) +
           "\" cy=\"" + y + "\" r=\"4\"/><text class=\"value\" x=\"" + std::to_string(left + width + 12) + "\" y=\"" +
           y + "\">" + percent(row->score.mean) + "</text>";
  }
  return svg + "</svg></figure>\n";
}

std::string html_table(const Report& report) {
  const std::vector<std::string> tasks = tasks_of(report);
  std::string out = "<table><thead><tr><th>configuration</th>";
  for (const std::string& task : tasks) out += "<th>" + html_text(task) + "</th>";
  out += "<th>difference</th><th>p</th></tr></thead><tbody>\n";
  for (const Result& result : report.results) {
    out += "<tr><th>" + html_text(result.label) + "</th>";
    for (const std::string& task : tasks) {
      const Row* row = find_row(result, task);
      if (row == nullptr) {
        out += "<td></td>";
        continue;
      }
      const bool marked = row->paired && row->paired->p < significant;
      std::string title = interval_text(row->score) + ", " + std::to_string(row->items) + " items";
      if (row->detail) title += ", " + detail_text(*row);
      if (row->paired) title += ", p " + probability(row->paired->p);
      // From white at 100 % to red at 0 %.
      const int light = 55 + static_cast<int>(45.0 * row->score.mean);
      out += "<td style=\"background:hsl(12 80% " + std::to_string(light) + "%)\" title=\"" + html_text(title) + "\">" +
             percent(row->score.mean) + (marked ? "*" : "") + "</td>";
    }
    const Row* all = find_row(result, "all");
    const bool paired = all != nullptr && all->paired;
    out += "<td>" + (paired ? signed_percent(all->paired->difference) : std::string()) + "</td><td>" +
           (paired ? html_text(probability(all->paired->p)) : std::string()) + "</td></tr>\n";
  }
  return out + "</tbody></table>\n";
}

/// Embeds images as data URLs within the byte limits.
class HtmlImages {
 public:
  explicit HtmlImages(const HtmlLimits& limits) : limits_(limits), left_(limits.all_bytes) {}

  std::string of(const TaskItem& item) {
    std::string out;
    std::size_t shown = 0;
    for (const programs::TaskPart& part : item.content) {
      for (const std::string& file : part.files) {
        if (shown++ < limits_.images) out += image(file);
      }
    }
    if (shown > limits_.images) out += "<small>and " + std::to_string(shown - limits_.images) + " more</small>";
    return out;
  }

 private:
  std::string image(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::string bytes;
    const std::size_t most = std::min(limits_.image_bytes, left_);
    for (char block[65536]; in && bytes.size() <= most;) {
      in.read(block, sizeof block);
      bytes.append(block, static_cast<std::size_t>(in.gcount()));
    }
    const char* type = bytes.starts_with("\x89PNG") ? "png" : bytes.starts_with("RIFF") ? "webp" : "jpeg";
    if (bytes.size() > most) return "<small>" + html_text(file) + "</small>";
    left_ -= bytes.size();
    return std::string("<img alt=\"\" src=\"data:image/") + type + ";base64," + base64(bytes) + "\">";
  }

  const HtmlLimits& limits_;
  std::size_t left_;
};

/// Wrong answers; for a configuration with a baseline only those that the baseline answered correctly.
std::string html_examples(const Report& report, const Result& result, HtmlImages& images, const HtmlLimits& limits) {
  std::string out;
  std::vector<std::pair<std::string, std::size_t>> shown;
  const Result* baseline = result.baseline ? &report.results[*result.baseline] : nullptr;
  for (const Judged& j : result.judged) {
    if (j.judgement.right()) continue;
    const Judged* before = nullptr;
    if (baseline != nullptr) {
      const auto found = std::find_if(baseline->judged.begin(), baseline->judged.end(),
                                      [&](const Judged& b) { return b.item.id == j.item.id; });
      if (found == baseline->judged.end() || !found->judgement.right()) continue;
      before = &*found;
    }
    auto group = std::find_if(shown.begin(), shown.end(), [&](const auto& s) { return s.first == j.item.task; });
    if (group == shown.end()) group = shown.insert(shown.end(), {j.item.task, 0});
    if (group->second++ >= limits.examples) continue;
    out += "<div class=\"card\"><b>" + html_text(j.item.task) + "</b> <small>" + html_text(j.item.id) +
           "</small><div>" + images.of(j.item) + "</div><p>" + html_text(j.item.question()) +
           "</p><dl><dt>expected</dt><dd>" + html_text(j.item.answer) + "</dd><dt>answered</dt><dd>" +
           html_text(j.answer.text) + "</dd>";
    if (before != nullptr) out += "<dt>baseline</dt><dd>" + html_text(before->answer.text) + "</dd>";
    out += "</dl></div>\n";
  }
  return out;
}

constexpr std::string_view html_style =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.25rem .5rem;border:1px solid #ddd}"
    "td{text-align:right}tbody th{text-align:left;font-weight:500}.wide{overflow-x:auto}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(34rem,1fr));gap:1rem}figure{margin:0}"
    "figcaption{font-weight:600}svg{width:100%}svg text{font-size:12px;dominant-baseline:middle;fill:#333}"
    ".name{text-anchor:end}.tick{text-anchor:middle}.grid{stroke:#e4e4e4}.base{stroke:#999;stroke-dasharray:3 2}"
    ".whisker{stroke:#2a6fbb;stroke-width:2}.dot{fill:#2a6fbb}.marked{fill:#c0392b}"
    ".cards{display:flex;flex-wrap:wrap;gap:1rem}.card{border:1px solid #ddd;padding:.75rem;width:22rem;"
    "overflow-wrap:anywhere}.card img{max-width:100%;max-height:12rem;margin:2px}dl{margin:0;white-space:pre-wrap}"
    "dt{color:#777}dd{margin:0 0 .4rem;font-family:ui-monospace,monospace;font-size:13px}small{color:#777}";

}  // namespace

std::string to_html(const Report& report, const HtmlLimits& limits) {
  std::string out =
      "<h1>vlmt-eval</h1><p>" + html_text(report.set_file) +
      ". Scores in per cent; bars are 95 % confidence intervals. Dashed lines mark the baseline; p is McNemar's exact "
      "test against it on the same questions. Red or an asterisk marks p below 0.05; by chance one in twenty "
      "comparisons of equally good configurations is marked.</p>\n";
  out += "<div class=\"wide\">" + html_table(report) + "</div>\n<h2>Tasks</h2><div class=\"plots\">\n";
  for (const std::string& task : tasks_of(report)) out += html_plot(report, task);
  out += "</div>\n<h2>Wrong answers</h2><p>At most " + std::to_string(limits.examples) +
         " per task; for variations only those that the baseline answered correctly.</p>\n";
  HtmlImages images(limits);
  for (const Result& result : report.results) {
    const std::string examples = html_examples(report, result, images, limits);
    if (examples.empty()) continue;
    out += "<details" + std::string(result.baseline ? "" : " open") + "><summary>" + html_text(result.label) +
           "</summary><div class=\"cards\">\n" + examples + "</div></details>\n";
  }
  return programs::html_page("vlmt-eval", html_style, out);
}

}  // namespace eval
