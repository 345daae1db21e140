// The vision encoder file that belongs to a model, beside it.
#pragma once

#include <string>
#include <vector>

namespace programs {

/// The files with "mmproj" in their name in the folder of `model` that fit it (model/model_pair.hpp), sorted; without
/// those whose names are of another model, if there are others. Files that cannot be read are skipped; none if the
/// model itself cannot be read.
std::vector<std::string> fitting_mmprojs(const std::string& model);

/// The only one of them, which is said on standard error in the name of `program`; empty if there is none. Throws
/// vlmt::InputError, with a list, if there are several.
std::string find_mmproj(const std::string& model, const char* program);

}  // namespace programs
