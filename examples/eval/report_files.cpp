// See report_files.hpp.
#include "report_files.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include <vlmt/io/output_file.hpp>

#include "report_csv.hpp"
#include "report_html.hpp"
#include "report_json.hpp"
#include "report_markdown.hpp"

namespace eval {
namespace {

void write_file(const std::string& path, std::string_view text) {
  vlmt::OutputFile file(path);
  file.put(std::as_bytes(std::span(text.data(), text.size())));
  file.finish();
}

}  // namespace

void write_reports(const Report& report, const std::string& folder) {
  const std::string base = (std::filesystem::path(folder) / "report").string();
  write_file(base + ".md", to_markdown(report));
  write_file(base + ".csv", to_csv(report));
  write_file(base + ".json", to_json(report));
  write_file(base + ".html", to_html(report));
}

std::string printed(const Report& report, const std::string& format) {
  if (format == "csv") return to_csv(report);
  if (format == "json") return to_json(report);
  return report.compares() ? to_markdown_overview(report) : to_markdown(report);
}

}  // namespace eval
