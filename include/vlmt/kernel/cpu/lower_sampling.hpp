// Lowering of sampling and scoring to kernels of the CPU.
#pragma once

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/sampling.hpp"
#include "vlmt/op/sample.hpp"

VLMT_BEGIN_NAMESPACE

template <class A, class Pass>
void lower(Cpu<A>, const op::Sample& o, const Pass& pass) {
  if (o.allowed != nullptr) {
    pass([&](Member& m) { mask_logits(o.logits, o.vocab, o.allowed, m); });
  }
  if (o.top_size != 0) {
    pass([&](Member& m) { scan_logits<A>(o.logits, o.vocab, 1.0f, o.blocks, m); });
    pass([&](Member& m) { top_log_probs(o.logits, o.vocab, o.blocks, o.top_size, o.candidates, o.top, m); });
  }
  if (o.penalised) {
    pass([&](Member& m) { penalize(o.logits, o.params, o.penalties, m); });
  }
  pass([&](Member& m) { scan_logits<A>(o.logits, o.vocab, o.params, o.blocks, m); });
  pass([&](Member& m) { pick_token(o.logits, o.vocab, o.params, o.blocks, o.candidates, o.rng, o.sampled, m); });
  if (o.log_prob != nullptr) {
    if (o.penalised) {
      pass([&](Member& m) { restore_logits(o.logits, o.penalties, m); });
    }
    pass([&](Member& m) { scan_logits<A>(o.logits, o.vocab, 1.0f, o.blocks, m); });
    pass([&](Member& m) { token_log_prob(o.logits, o.vocab, o.blocks, &o.sampled->token, o.log_prob, m); });
  }
}

template <class A, class Pass>
void lower(Cpu<A>, const op::Score& o, const Pass& pass) {
  pass([&](Member& m) { score_rows<A>(o.logits, o.rows, o.vocab, o.targets, o.out, m); });
}

VLMT_END_NAMESPACE
