// Limits of float as constants: device code may not call std::numeric_limits, but reads constants of a namespace.
#pragma once

#include <limits>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

inline constexpr float float_infinity = std::numeric_limits<float>::infinity();
inline constexpr float float_max = std::numeric_limits<float>::max();

VLMT_END_NAMESPACE
