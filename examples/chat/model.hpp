// The types that vlmt-chat's parts share: the model and its options from the command line.
#pragma once

#include <vlmt/vlmt.hpp>

#include "arguments.hpp"
#include "report.hpp"

using Model = vlmt::ChatModel<vlmt::Qwen3VL>;

vlmt::SessionOptions session_options(const Arguments& arguments, const Model& model);
vlmt::GenerateOptions generate_options(const Arguments& arguments);
