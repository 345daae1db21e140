// What --version prints.
#pragma once

#include <string>

namespace programs {

/// "vlmt-chat 0.1.0 (commit), compiled by g++ 12.2.0 for avx512-vnni".
std::string version_line(const std::string& program);

}  // namespace programs
