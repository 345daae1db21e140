// Loads a model from its files. Throws before any weight is read if the model and a session do not fit into memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/available_memory.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/plan.hpp"
#include "vlmt/runtime/session.hpp"

VLMT_BEGIN_NAMESPACE

/// How a model is loaded.
struct LoadOptions {
  std::size_t threads = 0;                       ///< that load and that the plan is for; 0: all
  SessionOptions session = {};                   ///< the session that must fit beside the weights
  std::size_t image_pixels = 0;                  ///< of the largest resized image that must fit, too; 0: no images
  std::optional<std::size_t> memory_limit = {};  ///< bytes; available_memory() if absent
  std::optional<WeightOptions> weights = {};     ///< weights_for() the session's numerics if absent
  PackedCacheOptions packed_cache = {};          ///< Vlm::packed_cache().warning() reports its problems
  LoadProgress progress = {};
};

/// Opens and checks the files, plans the memory, then packs the weights or maps those that an earlier load has packed.
/// Throws FileError for bad files, LimitError if the plan exceeds the memory.
template <class M>
ChatModel<M> load(const std::string& model, const std::string& mmproj = {}, const LoadOptions& options = {}) {
  OmpTeam team = options.threads == 0 ? OmpTeam() : OmpTeam(options.threads);
  const WeightOptions weights = options.weights.value_or(weights_for(options.session.numerics));
  ChatModel<M> chat = ChatModel<M>::open(model, mmproj, weights, options.packed_cache);
  check_fits(plan_memory(chat, options.session, options.image_pixels, team.size()),
             options.memory_limit ? *options.memory_limit : available_memory());
  chat.load(team, options.progress);
  return chat;
}

VLMT_END_NAMESPACE
