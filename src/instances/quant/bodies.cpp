// Compiles the VLMT_BODY functions of these headers once; see vlmt/base/config.hpp.
#define VLMT_DEFINE_BODIES 1
#include "vlmt/base/error.hpp"
#include "vlmt/quant/row.hpp"
