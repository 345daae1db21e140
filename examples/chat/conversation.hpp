// A conversation, line by line: messages and commands.
#pragma once

#include "arguments.hpp"
#include "chat.hpp"

/// Reads standard input until it ends or /quit. Returns the exit code.
int converse(const Arguments& arguments, Chat& chat);
