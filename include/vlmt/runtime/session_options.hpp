// Options of a session and of one answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/runtime/context_size.hpp"
#include "vlmt/runtime/media.hpp"
#include "vlmt/runtime/runner_options.hpp"
#include "vlmt/runtime/sampler.hpp"
#include "vlmt/runtime/text_delivery.hpp"
#include "vlmt/runtime/token_constraint.hpp"
#include "vlmt/runtime/vision_options.hpp"
#include "vlmt/text/chat.hpp"
#include "vlmt/text/reasoning.hpp"

VLMT_BEGIN_NAMESPACE

/// Options and limits of a session. Values out of range are refused; Session::options() tells the values in use.
struct SessionOptions {
  std::size_t context = 0;  ///< maximum tokens of the conversation, answers included; 0: default_context() of the model
  std::size_t chunk = 256;  ///< tokens of one prefill step, 1 to 4096; no longer than the context
  std::size_t threads = 0;  ///< up to 4096; 0: the team's default
  Numerics numerics = Numerics::fast;
  std::optional<std::uint32_t> key_format = {};    ///< GGUF type number; the family's KvFormat if absent
  std::optional<std::uint32_t> value_format = {};  ///< the same for values
  std::optional<std::uint64_t> min_pixels = {};    ///< of a resized image; the file's value if absent
  std::optional<std::uint64_t> max_pixels = {};
  /// Features kept for images of earlier turns, part of the memory plan. The default holds one image of a megapixel or
  /// six of 512 x 512 (2B model).
  std::size_t feature_cache_bytes = std::size_t{48} << 20;
  ImageOptions images = {};      ///< limits of image files, their background, notes on them
  std::string system = {};       ///< the system message; none if empty
  std::vector<Tool> tools = {};  ///< tools that the model may call
  std::size_t logit_rows = 1;    ///< rows of logits that score() computes at once, 1 to 4096; no more than a chunk

  RunnerOptions runner(const TextConfig& model) const {
    return {context == 0 ? default_context(model) : context, chunk, logit_rows, numerics, key_format, value_format};
  }
  VisionOptions vision() const { return {min_pixels, max_pixels, feature_cache_bytes, numerics}; }
};

/// Progress of a call before its first token.
struct Progress {
  enum class Stage : std::uint8_t { vision, prefill };
  Stage stage = Stage::vision;
  std::size_t done = 0;  ///< images and videos, or tokens
  std::size_t total = 0;
  double fraction = 0.0;  ///< of the stage, 0 to 1; in the vision stage it grows with every block of the encoder
};

/// Options of one answer.
struct GenerateOptions {
  SamplingOptions sampling = {};
  std::size_t max_tokens = 0;                          ///< maximum tokens to generate; 0: until the context is full
  std::vector<std::string> stop = {};                  ///< stop strings; the answer ends before the first one
  bool ignore_stop_tokens = false;                     ///< ignore end-of-turn tokens (benchmarking)
  std::function<void(const Progress&)> progress = {};  ///< called on the calling thread; may throw to cancel
  const StopFlag* stop_flag = nullptr;                 ///< set it, from any thread, to cancel
  Thinking thinking = Thinking::automatic;
  /// Restricts the answer to a grammar (runtime/grammar_constraint.hpp); thoughts are free. With max_tokens the answer
  /// may be cut before it is whole: FinishReason::length.
  ConstraintFactory constraint = {};
  /// Receives the reasoning; on_text receives the answer. Calls are serial; returning false ends the output.
  TextSink on_reasoning = {};
};

VLMT_END_NAMESPACE
