// See html.hpp.
#include "html.hpp"

namespace programs {

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_page(std::string_view title, std::string_view style, std::string_view body) {
  std::string out = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  out += html_text(title);
  out += "</title><style>";
  out += style;
  out += "</style></head><body>\n";
  out += body;
  out += "</body></html>\n";
  return out;
}

}  // namespace programs
