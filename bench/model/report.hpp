// Reports of vlmt-bench, for people and for programs.
#pragma once

#include <string>

#include "measurement.hpp"

std::string to_markdown(const Report& r);
std::string to_csv(const Report& r);
std::string to_json(const Report& r);
/// One page with tables, bars and a roofline plot; needs nothing from anywhere.
std::string to_html(const Report& r);

/// The rates of a JSON report against this one, case by case. Throws std::runtime_error if the text is no report.
std::string compare(const Report& r, const std::string& baseline_json, const std::string& name);
