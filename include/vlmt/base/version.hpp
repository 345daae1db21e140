// The version of the library; CMakeLists.txt reads it from here.
#pragma once

#define VLMT_VERSION_MAJOR 0
#define VLMT_VERSION_MINOR 1
#define VLMT_VERSION_PATCH 0
