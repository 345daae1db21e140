// Formats of strings as regular expressions. Each text is valid by the standard of its format; rare forms that a
// standard allows, too, are left out.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

namespace grammar {

/// The expression that a text of a format matches as a whole; empty for an unknown format.
inline std::string format_expression(std::string_view format) {
  static const std::string leap = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26]|00)00)";
  static const std::string date =
      "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
      ")|" +
      leap + "-02-29)";
  static const std::string time =
      "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
  static const std::string byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  static const std::string label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  if (format == "date") return date;
  if (format == "time") return time;
  if (format == "date-time") return date + "T" + time;
  if (format == "duration") {
    const std::string times = "T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S)";
    const std::string days = "([0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D)";
    return "P(" + days + "(" + times + ")?|" + times + "|[0-9]{1,9}W)";
  }
  if (format == "email") {
    const std::string atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}";
    return atom + "(\\." + atom + "){0,3}@" + label + "(\\." + label + "){1,4}";
  }
  if (format == "hostname") return label + "(\\." + label + "){0,3}";
  if (format == "ipv4") return byte + "(\\." + byte + "){3}";
  if (format == "ipv6") {
    // Eight groups, or fewer with one `::`.
    const std::string group = "[0-9A-Fa-f]{1,4}";
    std::string out = "(" + group + ":){7}" + group + "|::(" + group + "(:" + group + "){0,6})?";
    for (int before = 1; before <= 7; ++before) {
      const std::string left = group + "(:" + group + "){" + std::to_string(before - 1) + "}::";
      out += "|" + left;
      if (before < 7) out += "(" + group + "(:" + group + "){0," + std::to_string(6 - before) + "})?";
    }
    return out;
  }
  if (format == "uuid") return "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";
  if (format == "uri") {
    const std::string character = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
    const std::string path = "(/" + character + "*)*", more = "([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*";
    const std::string host = label + "(\\." + label + "){0,3}(:[0-9]{1,4})?";
    return "[A-Za-z][A-Za-z0-9+.-]{0,15}:(//" + host + path + "|/?(" + character + "+" + path + ")?)(\\?" + more +
           ")?(#" + more + ")?";
  }
  return {};
}

}  // namespace grammar

VLMT_END_NAMESPACE
