// Report formats of vlmt-bench.
#pragma once

#include <string>

#include "measurement.hpp"

std::string to_markdown(const Report& r);
std::string to_csv(const Report& r);
std::string to_json(const Report& r);
/// One self-contained page with tables, bars and a roofline plot.
std::string to_html(const Report& r);

/// Markdown table of the rates of an earlier JSON report and this one, case by case. `name` is the name of the earlier
/// report in the table and in errors. Throws std::runtime_error if the text is not a report.
std::string compare(const Report& r, const std::string& baseline_json, const std::string& name);
