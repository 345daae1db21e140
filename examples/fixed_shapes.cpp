// Sizes known at compile time: loops over them have constant bounds, and a file of other sizes is refused at once.
//   vlmt-fixed-shapes [model.gguf]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include <vlmt/vlmt.hpp>

#include "common/bundled_model.hpp"

// A shapes type has the members of DynamicShapes; those that are constants cost no memory and fold. All released
// Qwen3-VL models have heads of 128: that alone unrolls much. vlmt::shapes::qwen3vl_2b and its brothers fix everything.
struct KnownHeads : vlmt::DynamicShapes {
  [[no_unique_address]] vlmt::Dim<128> head_dim;
};
static_assert(KnownHeads{}.head_dim == 128);

// The model is the same otherwise: Fixed<M, Shapes> overrides one alias.
using Model = vlmt::Fixed<vlmt::Qwen3VL, KnownHeads>;

int main(int argc, char** argv) {
  try {
    // Without a file, the model that is bundled with vlmt.
    const std::string file = programs::choose_model(argc < 2 ? "" : argv[1], {}, "vlmt-fixed-shapes").model;
    // Throws FileError, naming the size, if the file's heads have another width.
    auto model = vlmt::Vlm<Model>::open(file);
    vlmt::OmpTeam team;
    model.load(team);

    // A runner is a decoder with a KV cache: the layer below sessions, without any text.
    vlmt::Runner<Model, vlmt::OmpTeam> runner(model, team, {.context = 64});
    vlmt::Sequence prompt;
    for (int token = 1; token <= 8; ++token) prompt.append(token);
    runner.feed(prompt);
    const auto logits = runner.logits();
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    std::printf("%s: %zu layers of %zu heads, each %zu wide (constant); behind tokens 1 to 8 comes %td\n",
                model.config().name.c_str(), model.config().layers, model.config().heads,
                std::size_t{decltype(KnownHeads::head_dim){}}, best);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "vlmt-fixed-shapes: %s\n", e.what());
    return 1;
  }
}
