// Everything: for programs that load models and talk to them. Headers of the library never include this one.
#pragma once

#include "vlmt/base/version.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/runtime/load.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/runtime/session.hpp"
