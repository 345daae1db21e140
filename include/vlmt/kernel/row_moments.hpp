// Mean and inverse standard deviation of a row, for LayerNorm.
#pragma once

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

struct RowMoments {
  float mean = 0.0f;
  float inverse = 1.0f;  ///< 1 / sqrt(variance + eps)
};

VLMT_END_NAMESPACE
