// A report as one HTML page that needs no other file: plots as SVG, wrong answers with their pictures.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "report.hpp"

namespace eval {

/// Bounds of what is shown of wrong answers.
struct HtmlLimits {
  std::size_t examples = 3;                          ///< of a task and configuration
  std::size_t pictures = 8;                          ///< of an example
  std::size_t picture_bytes = std::size_t{1} << 20;  ///< of one file; larger ones are named only
  std::size_t all_bytes = std::size_t{8} << 20;      ///< of all files together
};

std::string base64(std::string_view bytes);

std::string to_html(const Report& report, const HtmlLimits& limits = {});

}  // namespace eval
