// A model type made of custom parts, and the functions that run it.
#pragma once

#include <string>
#include <vector>

#include <vlmt/exec/omp_team.hpp>
#include <vlmt/model/qwen3vl.hpp>
#include <vlmt/runtime/runner.hpp>

#include "own_attention.hpp"
#include "own_format.hpp"
#include "own_norm.hpp"
#include "own_router.hpp"

struct MyVlm : vlmt::Qwen3VL {
  using Formats = vlmt::TypeList<vlmt::F32, Signs>;
  using Attention = FadingWindow;
  using Router = EvenRouter<3>;
  using Norm = MeanMagnitudeNorm;
};

/// Logits after a prompt that is longer than the attention window.
template <class Model>
std::vector<float> logits_of(const std::string& path) {
  auto model = vlmt::Vlm<Model>::open(path);
  vlmt::OmpTeam team(2);
  model.load(team);
  vlmt::Runner<Model, vlmt::OmpTeam> runner(
      model, team, {.context = 256, .numerics = vlmt::Numerics::exact, .key_format = 0, .value_format = 0});
  vlmt::Sequence prompt;
  for (int i = 0; i < 150; ++i) prompt.append(i);
  runner.feed(prompt);
  return {runner.logits().begin(), runner.logits().end()};
}

// Each is defined in its own source, so that they compile in parallel.
std::vector<float> simd_logits(const std::string& path);
std::vector<float> reference_logits(const std::string& path);
std::size_t answer_tokens(const std::string& path);
