// Report as one JSON object.
#pragma once

#include <string>

#include "report.hpp"

namespace eval {

std::string to_json(const Report& report);

}  // namespace eval
