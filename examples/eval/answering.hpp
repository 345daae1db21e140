// Runs the questions of a task set through a model, several in parallel.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <vlmt/base/stop_flag.hpp>
#include <vlmt/io/image.hpp>

#include "../common/task_set.hpp"
#include "answer_log.hpp"
#include "configuration.hpp"

namespace eval {

struct AnsweringOptions {
  std::size_t threads = 0;               ///< in total; 0: one per processor
  std::size_t parallel = 0;              ///< questions in parallel, which share the threads; 0: see questions_at_once
  std::size_t context = 4096;            ///< tokens of a question with its answer
  std::size_t max_tokens = 256;          ///< maximum tokens per answer
  const vlmt::StopFlag* stop = nullptr;  ///< set it to cancel
  vlmt::ImageOptions images;             ///< how image files are read

  /// `images` with the stop flag.
  vlmt::ImageOptions image_options() const {
    vlmt::ImageOptions o = images;
    o.stop_flag = stop;
    return o;
  }
};

/// Questions to answer in parallel on `threads` threads with a model of `weight_bytes`. Below 256 MiB one question per
/// thread, as threads that share a small model wait at barriers more than they compute; else one, on all threads.
std::size_t questions_at_once(std::size_t threads, std::size_t weight_bytes);

/// Answers `items` greedily with the model in the files `model` and `mmproj`. Of `configuration` it applies the KV
/// cache, kernels, blank images and scale; weights, experts and DeepStack must already be in the files (PreparedModel),
/// swapped images in the items (with_swapped_media). `done(index, answer)` is called from several threads at once.
/// Answers depend neither on the number of threads nor on the order of the questions. Throws vlmt::Error; one caused by
/// a question names `set_file` and the line. Throws vlmt::Cancelled soon after options.stop is set; `done` has then
/// been called for complete answers only.
void answer_questions(const Configuration& configuration, const std::string& model, const std::string& mmproj,
                      const std::vector<programs::TaskItem>& items, const std::string& set_file,
                      const AnsweringOptions& options, const std::function<void(std::size_t, Answer)>& done);

}  // namespace eval
