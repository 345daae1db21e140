// The prompt of a single question: from the command line, from standard input, or from both.
#pragma once

#include <string>

#include "arguments.hpp"

/// Fills in `prompt` from standard input: all of it if there is no prompt; text that is piped in comes before a prompt,
/// with an empty line between them. Does not read a terminal or a device, nor what --image - reads; without a prompt it
/// does, but not for --dry-run. Throws vlmt::InputError if there is neither a prompt nor an image, which a dry run may
/// lack, and vlmt::LimitError for more than 64 MiB.
void read_prompt(Arguments& arguments);
