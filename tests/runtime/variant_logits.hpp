// Logits of a fixed prompt for any model type, and their comparison with the same model in double.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/chat_model.hpp"
#include "vlmt/runtime/runner.hpp"

#include "double_model.hpp"
#include "golden_case.hpp"

namespace vlmt {

inline const std::vector<int> variant_prompt = {1, 2, 3, 4, 5, 6, 7, 8};

/// Logits after variant_prompt.
template <class M>
std::vector<float> logits_of(const std::string& name) {
  ChatModel<M> m = ChatModel<M>::open(golden::folder(name) + "/model.gguf");
  OmpTeam team(2);
  m.load(team);
  RunnerOptions o;
  o.context = 64;
  o.numerics = Numerics::exact;
  Runner<M, OmpTeam> runner(m.vlm(), team, o);
  Sequence s;
  for (int t : variant_prompt) s.append(t);
  runner.feed(s);
  return {runner.logits().begin(), runner.logits().end()};
}

/// Expects the logits of M within `tolerance` of those of `variant` in double, which it returns.
template <class M>
vlmt_test::Row expect_logits(const std::string& name, const vlmt_test::DoubleVariant& variant, double tolerance) {
  const vlmt_test::DoubleModel model(golden::folder(name) + "/model.gguf");
  const vlmt_test::Row want = model.logits(variant_prompt, variant);
  const std::vector<float> got = logits_of<M>(name);
  EXPECT_EQ(got.size(), static_cast<std::size_t>(want.size()));
  const vlmt_test::Row row = Eigen::Map<const Eigen::RowVectorXf>(got.data(), want.size()).cast<double>();
  EXPECT_LE((row - want).norm() / want.norm(), tolerance);
  return want;
}

/// The same for a variant that replaces a part: the logits then depend on it by more than twice the tolerance.
template <class M>
void expect_variant(const std::string& name, const vlmt_test::DoubleVariant& variant, double tolerance) {
  const vlmt_test::DoubleModel model(golden::folder(name) + "/model.gguf");
  const vlmt_test::Row plain = model.logits(variant_prompt, {});
  const vlmt_test::Row want = expect_logits<M>(name, variant, tolerance);
  EXPECT_GE((want - plain).norm() / plain.norm(), 2 * tolerance);
}

}  // namespace vlmt
