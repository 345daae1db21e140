// The model with custom parts on the SIMD kernels of this processor.
#include "own_model.hpp"

#include <algorithm>
#include <cmath>

#include <vlmt/vlmt.hpp>

#include "wrong_calls.hpp"

std::vector<float> simd_logits(const std::string& path) {
  return logits_of<MyVlm>(path);
}

std::size_t answer_tokens(const std::string& path) {
  const auto model = vlmt::load<MyVlm>(path);
  vlmt::Session session(model, {.context = 256});
  return session.ask("Hello", {}, {.max_tokens = 8}).tokens.size();
}

std::vector<std::string> wrong_calls(const std::string& path) {
  using Runner = vlmt::Runner<MyVlm, vlmt::OmpTeam>;
  std::vector<std::string> problems;
  const auto expect = [&](const char* what, bool right) {
    if (!right) problems.push_back(std::string(what) + ": not as documented");
  };
  const auto refused = [&](const char* what, auto&& call) {
    try {
      call();
      problems.push_back(std::string(what) + ": accepted");
    } catch (const vlmt::InputError&) {
    }
  };
  vlmt::cpu::set_tuning({.far_bytes = 4096, .kv_near_bytes = 1024, .kv_far_bytes = 4096, .direct_rows = 8});
  expect("tuning", vlmt::cpu::tuning().direct_rows == 8);

  auto model = vlmt::ChatModel<MyVlm>::open(path);
  vlmt::OmpTeam team(2);
  refused("a session before load()", [&] { vlmt::Session(model, {.context = 64}); });
  model.load(team);
  refused("load() again", [&] { model.load(team); });
  vlmt::Session session(model, {.context = 64, .chunk = 100, .threads = 2});
  expect("a chunk above the context", session.options().chunk == 64);
  refused("a chunk above the maximum", [&] { vlmt::Session(model, {.chunk = 100000}); });
  refused("ask() from its own callback",
          [&] { session.ask("Hello", [&](std::string_view) { session.ask("And?"); }, {.max_tokens = 4}); });

  Runner runner(model.vlm(), team, {.context = 64});
  vlmt::Sequence prompt;
  for (int i = 0; i < 20; ++i) prompt.append(i);
  runner.feed(prompt);
  const std::vector<float> logits(runner.logits().begin(), runner.logits().end());
  const std::vector<float> embedding = runner.embedding();
  expect("the embedding of a fork", runner.fork_on(team).embedding() == embedding);
  Runner scored(model.vlm(), team, {.context = 64});
  scored.score(prompt, 1);
  expect("logits after score()", std::equal(logits.begin(), logits.end(), scored.logits().begin()));
  expect("the embedding after score()", scored.embedding() == embedding);
  for (const int token : {-1, 1 << 20}) {
    refused("a token that is none", [&] { runner.decode(token); });
    vlmt::Sequence bad = prompt;
    bad.append(token);
    refused("a sequence with a token that is none", [&] { runner.feed(bad); });
    refused("a score of a token that is none", [&] { runner.score(bad, 1); });
    refused("an answer to a token that is none", [&] { session.complete(bad); });
  }

  // Features of the program's own, without a key: the second image is not taken for the first.
  const auto with_image = [&](float value) {
    const auto features = std::make_shared<vlmt::VisionFeatures>();
    features->slices = features->grid_h = 1;
    features->grid_w = 4;
    features->data = vlmt::share(vlmt::make_tensor<float>(1, 4, model.vlm().config().hidden));
    std::fill_n(features->data.data(), features->data.count(), value);
    vlmt::Sequence s = prompt;
    s.append(features, 0, 7);
    s.append(9);
    return s;
  };
  runner.feed(with_image(0.5f));
  expect("the features of another image", runner.feed(with_image(-0.5f)) == 5);
  const std::vector<float> scores = runner.score(with_image(0.5f), 1);
  expect("the score of an image", std::isinf(scores[19]) && std::isfinite(scores[23]));
  return problems;
}
