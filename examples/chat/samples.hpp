// The bundled images and the questions about them.
#pragma once

#include <vector>

#include "../common/task_set.hpp"
#include "chat.hpp"

/// The first question about each bundled image.
std::vector<programs::TaskItem> sample_questions();

/// Prints each question and its answer. Returns the exit code.
int show_samples(Chat& chat, const std::vector<programs::TaskItem>& questions);
