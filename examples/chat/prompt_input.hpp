// The prompt of a single question: from the command line, from standard input, or from both.
#pragma once

#include <string>

#include "arguments.hpp"

/// Fills in `prompt` from standard input: all of it if there is no prompt; text that is piped in comes before a prompt,
/// with an empty line between them. Does not read a terminal or a device, nor what --image - reads. Throws
/// vlmt::LimitError for more than 64 MiB.
void read_prompt(Arguments& arguments);
