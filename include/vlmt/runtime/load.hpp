// Loads a model from its files. Throws before any weight is read if the model and a session do not fit into memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/call_checks.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/plan.hpp"
#include "vlmt/runtime/session.hpp"

VLMT_BEGIN_NAMESPACE

/// How a model is loaded.
struct LoadOptions {
  std::size_t threads = 0;                       ///< that load, up to 4096; 0: those of the session
  SessionOptions session = {};                   ///< the session that must fit beside the weights, on its threads
  std::size_t image_pixels = 0;                  ///< of the largest resized image that must fit, too; 0: no images
  std::optional<std::size_t> memory_limit = {};  ///< bytes, for all sessions as well; memory_limit() if absent
  std::optional<WeightOptions> weights = {};     ///< weights_for() the session's numerics if absent
  PackedCacheOptions packed_cache = {};          ///< Vlm::packed_cache().warning() reports its problems
  LoadProgress progress = {};
  const StopFlag* stop_flag = nullptr;  ///< set it to cancel: load() throws Cancelled
};

/// Opens and checks the files, plans the memory, then packs the weights or maps those that an earlier load has packed.
/// Throws FileError for bad files, LimitError if the plan exceeds the memory, InputError for options out of range, and
/// what `progress` throws.
template <class M>
ChatModel<M> load(const std::string& model, const std::string& mmproj = {}, const LoadOptions& options = {}) {
  checked_option("threads", options.threads, 0, max_threads);
  checked_option("session.threads", options.session.threads, 0, max_threads);
  const std::size_t members = options.session.threads == 0 ? OmpTeam::default_size().usable : options.session.threads;
  OmpTeam team(options.threads == 0 ? members : options.threads);
  const WeightOptions weights = options.weights.value_or(weights_for(options.session.numerics));
  PackedCacheOptions cache = options.packed_cache;
  if (cache.stop_flag == nullptr) cache.stop_flag = options.stop_flag;
  ChatModel<M> chat = ChatModel<M>::open(model, mmproj, weights, cache);
  chat.set_budget({options.memory_limit, options.image_pixels});
  check_fits_beside(chat.vlm(), plan_memory(chat, options.session, options.image_pixels, members));
  chat.load(team, options.progress, options.stop_flag);
  return chat;
}

VLMT_END_NAMESPACE
