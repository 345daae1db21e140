// Sampling and log-probabilities from logits that are tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/sampling.hpp"
#include "vlmt/kernel/tensors/operand.hpp"
#include "vlmt/kernel/tensors/rows.hpp"
#include "vlmt/kernel/tensors/run.hpp"

VLMT_BEGIN_NAMESPACE

namespace detail {

/// Memory of a choice from one row of logits.
struct LogitMemory {
  float* logits = nullptr;
  LogitBlock* stats = nullptr;
  TokenLogit* candidates = nullptr;

  static LogitMemory take(Carver& carver, std::size_t vocab) {
    return {carver.take<float>(vocab), carver.take<LogitBlock>(logit_blocks(vocab)), carver.take<TokenLogit>(vocab)};
  }
};

template <class View>
void assert_vocabulary(const char* call, const View& logits) {
  assert_sizes(call, "logits", logits, dynamic);
  assert_argument(
      call, "logits", logits,
      logits.extent(0) != 0 && logits.extent(0) <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
      "between 1 and 2^31 - 1 tokens");
}

/// memory.logits = logits, by the whole team.
template <class Arch, class T>
void load_logits(const StridedView<const T, 1>& logits, const LogitMemory& memory, Member& m) {
  const Range mine = m.share(logits.extent(0), logit_block);
  load_elements<Arch>(logits.data() + mine.begin * logits.stride(0), logits.stride(0), mine.size(),
                      memory.logits + mine.begin);
  m.barrier();
}

}  // namespace detail

/// Chooses a token from logits (vocab): see pick_token in kernel/sampling.hpp. Penalties of `params` need a list of
/// tokens and are not applied. Draws from rng unless the choice is greedy. The scan is split across the team.
template <class Arch = arch::native, TensorArgument L, TensorPlace... Places>
SampledToken sample_token(const L& logits, const SamplingParams& params, SamplerRng& rng, Places&... places) {
  const auto in = detail::float_input<1>("sample_token", "logits", logits);
  detail::assert_vocabulary("sample_token", in);
  const std::size_t vocab = in.extent(0);
  SampledToken token;
  detail::run_tensor_kernel([&](Carver& carver, std::size_t) { return detail::LogitMemory::take(carver, vocab); },
                            [&](Member& m, const detail::LogitMemory& memory) {
                              detail::load_logits<Arch>(in, memory, m);
                              scan_logits<Arch>(memory.logits, vocab, &params, memory.stats, m);
                              m.barrier();
                              pick_token(memory.logits, vocab, &params, memory.stats, memory.candidates, &rng, &token,
                                         m);
                            },
                            places...);
  return token;
}

/// top (n) TokenLogit = the n most likely tokens of logits (vocab), n <= vocab, with the log softmax of their logits,
/// best first. The scan is split across the team.
template <class Arch = arch::native, TensorArgument L, TensorArgument T, TensorPlace... Places>
void top_log_probs(const L& logits, T&& top, Places&... places) {
  const auto in = detail::float_input<1>("top_log_probs", "logits", logits);
  const auto out = detail::typed_output<TokenLogit, 1>("top_log_probs", "top", top);
  detail::assert_vocabulary("top_log_probs", in);
  detail::assert_sizes("top_log_probs", "top", out, dynamic);
  detail::assert_dense("top_log_probs", "top", out);
  const std::size_t vocab = in.extent(0);
  detail::assert_argument("top_log_probs", "top", out, out.extent(0) <= vocab, "at most the number of tokens");
  detail::run_tensor_kernel([&](Carver& carver, std::size_t) { return detail::LogitMemory::take(carver, vocab); },
                            [&](Member& m, const detail::LogitMemory& memory) {
                              detail::load_logits<Arch>(in, memory, m);
                              scan_logits<Arch>(memory.logits, vocab, 1.0f, memory.stats, m);
                              m.barrier();
                              top_log_probs(memory.logits, vocab, memory.stats, out.extent(0), memory.candidates,
                                            out.data(), m);
                            },
                            places...);
}

/// out (n) = log softmax(logits[i])[targets[i]] for logits (n, vocab) and targets (n) int32 in [0, vocab): scores given
/// text. Rows are split across the team.
template <class Arch = arch::native, TensorArgument L, TensorArgument T, TensorArgument Out, TensorPlace... Places>
void score_rows(const L& logits, const T& targets, Out&& out, Places&... places) {
  const auto in = detail::float_input<2>("score_rows", "logits", logits);
  const auto ids = detail::typed_input<std::int32_t, 1>("score_rows", "targets", targets);
  const auto to = detail::float_output<1>("score_rows", "out", out);
  detail::assert_sizes("score_rows", "logits", in, dynamic, dynamic);
  detail::assert_sizes("score_rows", "targets", ids, in.extent(0));
  detail::assert_sizes("score_rows", "out", to, in.extent(0));
  detail::run_tensor_kernel(
      [&](Carver& carver, std::size_t members) { return detail::take_row_buffers(carver, members, in); },
      [&](Member& m, float* buffers) {
        Solo solo;
        detail::for_own_rows<Arch>(in, buffers, m, [&](std::size_t r, const float* row) {
          float score = 0.0f;
          const std::int32_t target = ids(r);
          score_rows<Arch>(row, 1, in.extent(1), &target, &score, solo.member());
          to(r) = typename decltype(to)::Elem(score);
        });
      },
      places...);
}

VLMT_END_NAMESPACE
