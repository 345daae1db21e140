// A report as Markdown tables.
#pragma once

#include <string>

#include "report.hpp"

namespace eval {

/// One line for each configuration, one column for each task.
std::string to_markdown_overview(const Report& report);

/// One configuration: its table. Several: an overview, then the table of each.
std::string to_markdown(const Report& report);

}  // namespace eval
