// Helpers for reports as a single HTML page.
#pragma once

#include <string>
#include <string_view>

namespace programs {

/// Text escaped for use between tags and in quoted attributes.
std::string html_text(std::string_view text);

/// A self-contained page; `style` is CSS, `body` is HTML.
std::string html_page(std::string_view title, std::string_view style, std::string_view body);

}  // namespace programs
