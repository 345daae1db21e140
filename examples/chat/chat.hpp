// Answers messages: a model, its session and the numbers that are the same for every answer.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/memory_watch.hpp"
#include "../common/task_set.hpp"
#include "advice.hpp"
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
  Report ask(const std::string& text, const std::vector<programs::MediaSource>& images,
             const std::vector<programs::MediaSource>& videos);

  /// Answers a question outside of the conversation, greedily, and streams the text to standard output.
  void answer(const programs::TaskItem& item);

  const CostReader& costs() const { return costs_; }
  void reset() { session_.reset(); }
  /// False before the first answer and after reset().
  bool has_history() const { return session_.history().size() > (arguments_.system.empty() ? 0u : 1u); }
  ContextSize context() const { return {session_.options().context, model_.vlm().config().context}; }

 private:
  const Arguments& arguments_;
  programs::MemoryWatch& memory_;
  Model model_;
  CostReader costs_;
  vlmt::Session<vlmt::Qwen3VL> session_;
  PlanBytes plan_;
  double load_seconds_;
  std::uint64_t answers_ = 0;  ///< each has a seed of its own
};
