// Report as one self-contained HTML page: SVG plots, and wrong answers with their images.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "report.hpp"

namespace eval {

/// Limits on the wrong answers that are shown.
struct HtmlLimits {
  std::size_t examples = 3;                        ///< per task and configuration
  std::size_t images = 8;                          ///< per example
  std::size_t image_bytes = std::size_t{1} << 20;  ///< per file; larger files are named, not shown
  std::size_t all_bytes = std::size_t{8} << 20;    ///< all files together
};

std::string base64(std::string_view bytes);

std::string to_html(const Report& report, const HtmlLimits& limits = {});

}  // namespace eval
