// A custom model: Qwen3-VL with three parts replaced, without changes to the library.
//   vlmt-custom-variant model.gguf mmproj.gguf image.jpg "What is this?"
#include <algorithm>
#include <cstdio>
#include <string_view>

#include <vlmt/vlmt.hpp>

#include "common/output.hpp"
#include "common/run_main.hpp"

// A router is a type with used() and route(). This one always uses expert 0 and the K - 1 best of the others, weighted
// by the softmax over their scores.
template <std::size_t K>
struct SharedExpertRouter {
  static constexpr std::size_t used(std::size_t /*in the file*/) noexcept { return K; }

  template <class Arch>
  void route(float* logits, std::size_t n, std::size_t experts, std::size_t k, std::int32_t* ids, float* weights,
             vlmt::Member& m) const noexcept {
    const vlmt::Range tokens = m.share(n);  // this thread's tokens
    for (std::size_t t = tokens.begin; t < tokens.end; ++t) {
      float* scores = logits + t * experts;
      std::int32_t* chosen = ids + t * k;
      for (std::size_t j = 0; j < k; ++j) {
        std::size_t best = 0;
        for (std::size_t e = 1; e < experts && j > 0; ++e) {
          const bool taken = std::find(chosen, chosen + j, static_cast<std::int32_t>(e)) != chosen + j;
          if (!taken && (best == 0 || scores[e] > scores[best])) best = e;
        }
        chosen[j] = static_cast<std::int32_t>(best);
        weights[t * k + j] = scores[best];
      }
      vlmt::softmax_row<Arch>(weights + t * k, k);
    }
  }
};

// Everything that is not overridden here is inherited from Qwen3-VL.
struct MyVlm : vlmt::Qwen3VL {
  using Attention = vlmt::SlidingWindow<512>;  // a token attends to the last 512, itself included
  using Router = SharedExpertRouter<2>;        // used by mixture-of-experts models
  using KvFormat = vlmt::Q8_0;                 // half the memory of the usual F16 cache
};

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: vlmt-custom-variant model.gguf mmproj.gguf image question\n");
    return 2;
  }
  return programs::run_main("vlmt-custom-variant", [&] {
    const auto model = vlmt::load<MyVlm>(argv[1], argv[2]);
    vlmt::Session session(model, {.context = 4096});
    const auto reply = session.ask({vlmt::image(argv[3]), argv[4]},
                                   [](std::string_view piece) {
                                     programs::write(piece);
                                     programs::flush();
                                   },
                                   {.max_tokens = 64});
    programs::print("\n%zu tokens; the KV cache is %s\n", reply.tokens.size(),
                    session.runner().kv_cache().key_leaf().name.data());
    return 0;
  });
}
