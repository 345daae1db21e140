// Reports as files and on standard output.
#pragma once

#include <string>

#include "report.hpp"

namespace eval {

/// Writes report.md, report.csv, report.json and report.html into a folder. Throws vlmt::FileError.
void write_reports(const Report& report, const std::string& folder);

/// What is printed: "csv", "json", or "markdown", which is an overview where configurations are compared.
std::string printed(const Report& report, const std::string& format);

}  // namespace eval
