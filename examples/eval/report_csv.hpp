// Report as CSV (RFC 4180): one line per configuration and task.
#pragma once

#include <string>

#include "report.hpp"

namespace eval {

std::string to_csv(const Report& report);

}  // namespace eval
