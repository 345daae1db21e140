// What reports as one page of HTML share.
#pragma once

#include <string>
#include <string_view>

namespace programs {

/// Text as it stands between tags and in quoted attributes.
std::string html_text(std::string_view text);

/// A page with everything in it; `style` is CSS, `body` HTML.
std::string html_page(std::string_view title, std::string_view style, std::string_view body);

}  // namespace programs
