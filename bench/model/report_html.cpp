// HTML report: the tables, one bar per case with its share of the limit, and a roofline plot.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "../../examples/common/html.hpp"
#include "format.hpp"
#include "report.hpp"

namespace {

using programs::html_text;

constexpr double plot_width = 720;

/// One bar per case: its share of the limit, and a mark at the peer's share.
std::string bars(const Report& r) {
  std::string text;
  double y = 0;
  for (const Measurement& m : r.measurements) {
    const double fraction = m.fraction();
    if (fraction == 0) continue;
    text += format("<text x='0' y='%.0f'>%s</text>", y + 14, html_text(name(m.what)).c_str());
    text += format("<rect x='260' y='%.0f' width='%.1f' height='14' fill='#ddd'/>", y + 3, plot_width - 300);
    text += format("<rect x='260' y='%.0f' width='%.1f' height='14' fill='#3366aa'/>", y + 3,
                   (plot_width - 300) * std::min(1.0, fraction));
    text += format("<text x='%.0f' y='%.0f'>%.0f %%</text>", plot_width - 34, y + 14, fraction * 100);
    if (m.ratio() > 0) {
      const double x = 260 + (plot_width - 300) * std::min(1.0, fraction / m.ratio());
      text += format("<rect x='%.1f' y='%.0f' width='3' height='20' fill='#cc3322'><title>peer</title></rect>", x, y);
    }
    y += 24;
  }
  if (text.empty()) return text;
  return format("<h2>Share of the limit (red: the peer)</h2><svg width='%.0f' height='%.0f' font-size='12'>",
                plot_width, y) +
         text + "</svg>";
}

/// Log-log plot of operations per second over operations per byte, with the roofline of the measured limits.
std::string roofline(const Report& r) {
  double read = 0;
  double peak = 0;
  for (const Measurement& m : r.measurements) {
    if (m.bound == Measurement::Bound::reading) read = std::max(read, median(m.limits));
    if (m.bound == Measurement::Bound::arithmetic) peak = std::max(peak, median(m.limits));
  }
  if (read == 0 || peak == 0) return {};
  constexpr double height = 360;
  constexpr double low_x = -1, high_x = 4;  // log10 of operations per byte
  const double high_y = std::ceil(std::log10(peak) * 2) / 2;
  const double low_y = high_y - 4;
  const auto x = [&](double intensity) {
    return 60 + (std::log10(intensity) - low_x) / (high_x - low_x) * (plot_width - 80);
  };
  const auto y = [&](double rate) { return 10 + (high_y - std::log10(rate)) / (high_y - low_y) * (height - 50); };
  std::string text = format("<h2>Roofline</h2><svg width='%.0f' height='%.0f' font-size='12'>", plot_width, height);
  for (double e = low_x; e <= high_x; ++e) {
    const double at = x(std::pow(10, e));
    text += format("<line x1='%.1f' x2='%.1f' y1='10' y2='%.0f' stroke='#eee'/><text x='%.1f' y='%.0f'>%g</text>", at,
                   at, height - 40, at - 8, height - 24, std::pow(10, e));
  }
  for (double e = std::ceil(low_y); e <= high_y; ++e) {
    const double at = y(std::pow(10, e));
    text += format("<line x1='60' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#eee'/><text x='0' y='%.1f'>%g Gop/s</text>",
                   plot_width - 20, at, at, at + 4, std::pow(10, e - 9));
  }
  const double knee = peak / read;
  const double start = std::max(std::pow(10, low_x), std::pow(10, low_y) / read);
  text += format("<polyline points='%.1f,%.1f %.1f,%.1f %.1f,%.1f' fill='none' stroke='black'/>", x(start),
                 y(start * read), x(knee), y(peak), x(std::pow(10, high_x)), y(peak));
  text += format("<text x='%.0f' y='%.0f'>operations per byte</text>", plot_width / 2, height - 6);
  for (const Measurement& m : r.measurements) {
    if (m.bound == Measurement::Bound::none || m.bytes == 0) continue;
    const double rate = m.operations / median(m.seconds);
    const double intensity = std::min(m.operations / m.bytes, std::pow(10, high_x));
    text += format("<circle cx='%.1f' cy='%.1f' r='5' fill='#3366aa'><title>%s: %.0f Gop/s</title></circle>",
                   x(intensity), y(rate), html_text(name(m.what)).c_str(), rate * 1e-9);
  }
  return text + "</svg>";
}

/// Converts Markdown tables to HTML; other lines become paragraphs.
std::string tables(const std::string& markdown) {
  std::string text;
  bool in_table = false;
  for (std::size_t at = 0; at < markdown.size();) {
    const std::size_t end = std::min(markdown.find('\n', at), markdown.size());
    const std::string line = markdown.substr(at, end - at);
    at = end + 1;
    const bool row = !line.empty() && line[0] == '|';
    if (row && !in_table) text += "<table>";
    if (!row && in_table) text += "</table>";
    in_table = row;
    if (line.starts_with("|--")) continue;
    if (row) {
      text += "<tr>";
      for (std::size_t cell = 1; cell < line.size();) {
        const std::size_t stop = std::min(line.find('|', cell), line.size());
        text += "<td>" + html_text(line.substr(cell, stop - cell)) + "</td>";
        cell = stop + 1;
      }
      text += "</tr>";
    } else if (!line.empty()) {
      text += "<p>" + html_text(line) + "</p>";
    }
  }
  return in_table ? text + "</table>" : text;
}

}  // namespace

std::string to_html(const Report& r) {
  constexpr std::string_view style =
      "body{font:15px sans-serif;margin:2em;max-width:60em}table{border-collapse:collapse}"
      "td{border:1px solid #ccc;padding:2px 8px}td+td{text-align:right}";
  return programs::html_page("vlmt-bench", style,
                             "<h1>vlmt-bench</h1>" + tables(to_markdown(r)) + bars(r) + roofline(r));
}
