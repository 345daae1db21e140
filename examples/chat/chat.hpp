// Answers messages: a model, its session and the numbers that are the same for every answer.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/media_source.hpp"
#include "../common/memory_watch.hpp"
#include "../common/task_set.hpp"
#include "model.hpp"
#include "report.hpp"
#include "request.hpp"

/// The model, its session and the numbers that are the same for every answer.
class Chat {
 public:
  Chat(const Arguments& a, programs::MemoryWatch& memory, Model model, const vlmt::SessionOptions& options,
       const RequestPlanner& planner, const vlmt::MemoryPlan& plan, double load_seconds)
      : arguments_(a),
        memory_(memory),
        model_(std::move(model)),
        planner_(planner),
        session_(model_, options),
        plan_(programs::plan_bytes(plan)),
        load_seconds_(load_seconds) {}

  /// Sizes that the images and videos of a message would have now. Throws vlmt::Error.
  std::vector<programs::MediaCost> costs(const std::vector<programs::MediaSource>& images,
                                         const std::vector<programs::MediaSource>& videos) const;

  /// Answers a message. Streams the text to standard output unless --json is given. Tells on standard error which
  /// images are shrunk.
  Report ask(const std::string& text, const std::vector<programs::MediaSource>& images,
             const std::vector<programs::MediaSource>& videos);

  /// Answers a question outside of the conversation, greedily, and streams the text to standard output. Throws
  /// vlmt::Cancelled after Ctrl-C.
  void answer(const programs::TaskItem& item);

  void reset() { session_.reset(); }
  /// What helps when the context cannot hold a message.
  std::string context_advice() const;

 private:
  Request plan(vlmt::ChatMessage& message, const std::vector<programs::MediaSource>& images,
               const std::vector<programs::MediaSource>& videos) const;

  const Arguments& arguments_;
  programs::MemoryWatch& memory_;
  Model model_;
  RequestPlanner planner_;
  vlmt::Session<vlmt::Qwen3VL> session_;
  programs::PlanBytes plan_;
  double load_seconds_;
  std::uint64_t answers_ = 0;  ///< each has a seed of its own
};
