// Compiles the function bodies of exec/ once; see VLMT_BODY in vlmt/base/config.hpp.
#define VLMT_DEFINE_BODIES 1
#include "vlmt/exec/control_groups.hpp"
#include "vlmt/exec/processors.hpp"
