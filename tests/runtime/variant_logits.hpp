// Logits of a fixed prompt for any model type, compared by the tests of variants.
#pragma once

#include <string>
#include <vector>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/runner.hpp"

#include "golden_case.hpp"

namespace vlmt {

template <class M>
std::vector<float> logits_of(const std::string& name) {
  ChatModel<M> m = ChatModel<M>::open(golden::folder(name) + "/model.gguf");
  OmpTeam team(2);
  m.load(team);
  RunnerOptions o;
  o.context = 64;
  Runner<M, OmpTeam> runner(m.vlm(), team, o);
  Sequence s;
  for (int t : {1, 2, 3, 4, 5, 6, 7, 8}) s.append(t);
  runner.feed(s);
  return {runner.logits().begin(), runner.logits().end()};
}

}  // namespace vlmt
