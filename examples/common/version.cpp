// See version.hpp.
#include "version.hpp"

#include <string_view>

#include <vlmt/base/version.hpp>
#include <vlmt/exec/arch.hpp>

#include "vlmt_commit.hpp"  // written by cmake/VlmtGitVersion.cmake

namespace programs {

std::string version_line(const std::string& program) {
  std::string line = program + " " VLMT_VERSION_STRING;
  if (const std::string_view commit = VLMT_COMMIT; !commit.empty()) line += " (" + std::string(commit) + ")";
#if defined(__clang__)
  line += ", compiled by clang " __clang_version__;
#elif defined(__GNUC__)
  line += ", compiled by g++ " __VERSION__;
#endif
  return line + " for " + std::string(vlmt::arch::native::name);
}

}  // namespace programs
