// Answers messages: a model, its session and the numbers that are the same for every answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/memory_watch.hpp"
#include "../common/task_set.hpp"
#include "media_cost.hpp"
#include "model.hpp"
#include "report.hpp"

/// The model, its session and the numbers that are the same for every answer.
class Chat {
 public:
  Chat(const Arguments& a, programs::MemoryWatch& memory, Model model, const vlmt::SessionOptions& options,
       const vlmt::MemoryPlan& plan, double load_seconds)
      : arguments_(a),
        memory_(memory),
        model_(std::move(model)),
        costs_(model_, options),
        session_(model_, options),
        plan_(bytes_of(plan)),
        load_seconds_(load_seconds) {}

  /// Answers a message. Streams the text to standard output unless --json is given.
  Report ask(const std::string& text, const std::vector<std::string>& images, const std::vector<std::string>& videos);

  /// Answers a question outside of the conversation, greedily, and streams the text to standard output.
  void answer(const programs::TaskItem& item);

  const CostReader& costs() const { return costs_; }
  void reset() { session_.reset(); }

 private:
  const Arguments& arguments_;
  programs::MemoryWatch& memory_;
  Model model_;
  CostReader costs_;
  vlmt::Session<vlmt::Qwen3VL> session_;
  PlanBytes plan_;
  double load_seconds_;
};
