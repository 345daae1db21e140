// Plans requests: the context, the sizes of images, the memory, and what to tell about them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/request_report.hpp"
#include "model.hpp"

/// A planned request.
struct Request {
  vlmt::RequestPlan plan;
  std::vector<programs::MediaCost> media;
  programs::ContextFacts facts;
};

/// Applies the limits of the command line: images are shrunk to time and room, unless an option forbids it.
class RequestPlanner {
 public:
  /// `memory` in bytes bounds an automatic context.
  RequestPlanner(const Arguments& a, const Model& model, std::size_t memory, std::size_t threads);

  /// Plans the answer to a message after `history`, and gives its images their bounds. If options.context is 0, the
  /// context is chosen. `names` are those of its images and videos, in order. Throws vlmt::Error.
  Request plan(const Model& model, const vlmt::SessionOptions& options, std::vector<vlmt::ChatMessage> history,
               vlmt::ChatMessage& message, const std::vector<std::string>& names) const;

  /// Plans a session without a first message.
  Request plan(const Model& model, const vlmt::SessionOptions& options) const;

 private:
  Request report(const Model& model, const vlmt::RequestPlan& plan) const;

  vlmt::RequestLimits limits_;
  std::size_t max_tokens_;
  vlmt::Thinking thinking_;
  bool chosen_context_;
};
