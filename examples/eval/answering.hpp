// Puts questions to a model, several at once.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "../common/task_set.hpp"
#include "answer_log.hpp"
#include "configuration.hpp"

namespace eval {

struct AnsweringOptions {
  std::size_t threads = 0;   ///< in all; 0: as many as there are processors
  std::size_t parallel = 0;  ///< questions at a time, which share the threads; 0: see questions_at_once
  std::size_t context = 4096;
  std::size_t max_tokens = 256;  ///< of an answer
};

/// How many questions `threads` threads answer at a time with a model of so many bytes: small models, which wait for
/// each other more than they compute, one a thread, larger ones one by one with all threads.
std::size_t questions_at_once(std::size_t threads, std::size_t weight_bytes);

/// Answers the questions of `items`, greedily, with the model of two files as the configuration says, its weights and
/// experts apart, which are the files' matter. `done(index, answer)` is called by several threads at once. Answers do
/// not depend on threads nor on the order of questions. Throws vlmt::Error, where a question is to blame with its line.
void answer_questions(const Configuration& configuration, const std::string& model, const std::string& mmproj,
                      const std::vector<programs::TaskItem>& items, const std::string& set_file,
                      const AnsweringOptions& options, const std::function<void(std::size_t, Answer)>& done);

}  // namespace eval
