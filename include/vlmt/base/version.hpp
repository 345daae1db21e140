// The version of the library; CMakeLists.txt reads it from here.
#pragma once

#define VLMT_VERSION_MAJOR 0
#define VLMT_VERSION_MINOR 1
#define VLMT_VERSION_PATCH 0

/// One number that grows with the version: 10203 is 1.2.3. For #if VLMT_VERSION >= 200.
#define VLMT_VERSION (VLMT_VERSION_MAJOR * 10000 + VLMT_VERSION_MINOR * 100 + VLMT_VERSION_PATCH)

#define VLMT_DETAIL_TEXT_(number) #number
#define VLMT_DETAIL_TEXT(number)  VLMT_DETAIL_TEXT_(number)
/// "1.2.3"
#define VLMT_VERSION_STRING \
  VLMT_DETAIL_TEXT(VLMT_VERSION_MAJOR) "." VLMT_DETAIL_TEXT(VLMT_VERSION_MINOR) "." VLMT_DETAIL_TEXT(VLMT_VERSION_PATCH)
