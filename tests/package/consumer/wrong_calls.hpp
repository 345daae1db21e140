// What a researcher may call in the wrong order or with wrong values, through an installed library.
#pragma once

#include <string>
#include <vector>

/// Makes the calls with the model file `path`. Returns one line per call that was not answered as documented.
std::vector<std::string> wrong_calls(const std::string& path);
