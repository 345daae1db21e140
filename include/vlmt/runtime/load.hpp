// From files to a model that is ready to run, refused before the first allocation if it does not fit.
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
  std::size_t threads = 0;                       ///< 0: all
  SessionOptions session = {};                   ///< the session that must fit beside the weights
  std::size_t picture_pixels = 0;                ///< the largest resized picture that must fit, too
  std::optional<std::size_t> memory_limit = {};  ///< bytes; what the system has free if absent
  std::optional<WeightOptions> weights = {};     ///< what is fastest under the session's numerics if absent
  PackedCacheOptions packed_cache = {};          ///< see Vlm::packed_cache() for what it has to say
  LoadProgress progress = {};
};

/// Opens, checks, plans and packs (or maps what an earlier load has packed). Throws FileError for bad files, LimitError
/// for what does not fit.
template <class M>
ChatModel<M> load(const std::string& model, const std::string& mmproj = {}, const LoadOptions& options = {}) {
  OmpTeam team = options.threads == 0 ? OmpTeam() : OmpTeam(options.threads);
  const WeightOptions weights = options.weights.value_or(weights_for(options.session.numerics));
  ChatModel<M> chat = ChatModel<M>::open(model, mmproj, weights, options.packed_cache);
  check_fits(plan_memory(chat, options.session, options.picture_pixels, team.size()),
             options.memory_limit ? *options.memory_limit : available_memory());
  chat.load(team, options.progress);
  return chat;
}

VLMT_END_NAMESPACE
