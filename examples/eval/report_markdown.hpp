// Report as Markdown tables.
#pragma once

#include <string>

#include "report.hpp"

namespace eval {

/// One line per configuration, one column per task.
std::string to_markdown_overview(const Report& report);

/// The table of a single configuration; for several, the overview and then the table of each.
std::string to_markdown(const Report& report);

}  // namespace eval
