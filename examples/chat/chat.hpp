// Answers messages: a model, its session and the numbers that are the same for every answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/runtime/grammar_constraint.hpp>
#include <vlmt/vlmt.hpp>

#include "../common/media_source.hpp"
#include "../common/memory_watch.hpp"
#include "../common/task_set.hpp"
#include "answer_places.hpp"
#include "model.hpp"
#include "report.hpp"
#include "request.hpp"

/// The model, its session and the numbers that are the same for every answer.
class Chat {
 public:
  Chat(const Arguments& a, programs::MemoryWatch& memory, Model model, const vlmt::SessionOptions& options,
       const RequestPlanner& planner, const vlmt::MemoryPlan& plan, double load_seconds,
       std::optional<vlmt::Grammar> grammar)
      : arguments_(a),
        memory_(memory),
        model_(std::move(model)),
        planner_(planner),
        session_(model_, options),
        plan_(programs::plan_bytes(plan)),
        load_seconds_(load_seconds) {
    if (grammar) constraint_ = vlmt::constrain_to({std::move(*grammar), vlmt::token_vocabulary(model_)});
  }

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

  /// Draws the places of an answer into the file of --draw, and tells about it. Does nothing without the option or if
  /// the answer was cancelled. Throws vlmt::Error.
  void draw(const Report& report) const;

  void reset() {
    session_.reset();
    shown_.clear();
  }
  /// What helps when the context cannot hold a message.
  std::string context_advice() const;

 private:
  /// True if the boxes and points of answers are of use.
  bool wants_places() const { return arguments_.json || !arguments_.draw.empty(); }
  Request plan(vlmt::ChatMessage& message, const std::vector<programs::MediaSource>& images,
               const std::vector<programs::MediaSource>& videos) const;

  const Arguments& arguments_;
  programs::MemoryWatch& memory_;
  Model model_;
  RequestPlanner planner_;
  vlmt::Session<vlmt::Qwen3VL> session_;
  programs::PlanBytes plan_;
  double load_seconds_;
  vlmt::ConstraintFactory constraint_;  ///< of answers in the conversation; empty: none
  std::uint64_t answers_ = 0;           ///< each has a seed of its own
  std::vector<ShownImage> shown_;       ///< of the last message with images
  std::vector<std::string> read_;       ///< all files of images that were asked about, which must not be overwritten
};
