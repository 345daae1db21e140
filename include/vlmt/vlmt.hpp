// Umbrella header for programs that load a model and chat with it. No other vlmt header includes it.
#pragma once

#include "vlmt/base/version.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/runtime/load.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/runtime/session.hpp"
