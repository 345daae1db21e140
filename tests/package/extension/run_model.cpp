// Runs a model whose parts are ours: run_model MODEL.gguf, an MoE model. The weights were trained for other parts, so
// its words mean nothing; what matters is that it runs, and that each part makes a difference.
#include <cstdio>
#include <exception>
#include <string>

#include <vlmt/vlmt.hpp>

#include "alibi.hpp"
#include "int8_32.hpp"
#include "peak_norm.hpp"
#include "shared_expert_router.hpp"

struct WithAlibi : vlmt::Qwen3VL {
  using Attention = lab::Alibi;
};
struct WithPeakNorm : vlmt::Qwen3VL {
  using Norm = lab::PeakNorm;
};
struct WithInt8Cache : vlmt::Qwen3VL {
  using KvFormat = lab::Int8_32;
};
struct WithSharedExpert : vlmt::Qwen3VL {
  using Router = lab::SharedExpertRouter;
};

template <class M>
static double first_log_prob(const std::string& model) {
  auto vlm = vlmt::load<M>(model);
  vlmt::Session session(vlm, {.context = 256});
  return static_cast<double>(session.score("The picture shows a", " red square")[0].log_prob);
}

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const double plain = first_log_prob<vlmt::Qwen3VL>(argv[1]);
  const double others[] = {first_log_prob<WithAlibi>(argv[1]), first_log_prob<WithPeakNorm>(argv[1]),
                           first_log_prob<WithInt8Cache>(argv[1]), first_log_prob<WithSharedExpert>(argv[1])};
  std::printf("plain %.6f, Alibi %.6f, PeakNorm %.6f, Int8_32 cache %.6f, SharedExpertRouter %.6f\n", plain, others[0],
              others[1], others[2], others[3]);
  for (const double other : others) {
    if (other == plain || !(other < 0)) return 1;
  }
  return 0;
} catch (const std::exception& e) {
  std::printf("%s\n", e.what());
  return 1;
}
