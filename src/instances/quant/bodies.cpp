// Functions compiled once; see VLMT_BODY in vlmt/base/config.hpp.
#define VLMT_DEFINE_BODIES 1
#include "vlmt/base/error.hpp"
#include "vlmt/quant/row.hpp"
