// Writes reports to files and formats the one for standard output.
#pragma once

#include <string>

#include "report.hpp"

namespace eval {

/// Writes report.md, report.csv, report.json and report.html into a folder. Throws vlmt::FileError.
void write_reports(const Report& report, const std::string& folder);

/// The report for standard output. `format`: "csv", "json" or "markdown"; Markdown of a comparison is the overview.
std::string printed(const Report& report, const std::string& format);

}  // namespace eval
