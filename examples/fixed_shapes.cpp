// Sizes fixed at compile time: loops over them have constant bounds, and a file with other sizes is refused on open.
//   vlmt-fixed-shapes [model.gguf]
#include <algorithm>
#include <string>

#include <vlmt/vlmt.hpp>

#include "common/bundled_model.hpp"
#include "common/output.hpp"
#include "common/run_main.hpp"

// A shapes type has the members of DynamicShapes. Constant members take no memory and fold. All released Qwen3-VL
// models have heads of 128 values, so fixing only these already unrolls the attention loops. vlmt::shapes::qwen3vl_2b
// and its siblings fix all sizes.
struct KnownHeads : vlmt::DynamicShapes {
  [[no_unique_address]] vlmt::Dim<128> head_dim;
};
static_assert(KnownHeads{}.head_dim == 128);

// The model is the same otherwise: Fixed<M, Shapes> overrides one alias.
using Model = vlmt::Fixed<vlmt::Qwen3VL, KnownHeads>;

int main(int argc, char** argv) {
  return programs::run_main("vlmt-fixed-shapes", [&] {
    // Without an argument, the bundled model.
    const std::string file = programs::choose_model(argc < 2 ? "" : argv[1], {}, "vlmt-fixed-shapes", false).model;
    // Throws FileError, naming the size, if the heads of the file have another width.
    auto model = vlmt::Vlm<Model>::open(file);
    vlmt::OmpTeam team;
    model.load(team);

    // A runner is a decoder with a KV cache, the layer below sessions. It works on token ids.
    vlmt::Runner<Model, vlmt::OmpTeam> runner(model, team, {.context = 64});
    vlmt::Sequence prompt;
    for (int token = 1; token <= 8; ++token) prompt.append(token);
    runner.feed(prompt);
    const auto logits = runner.logits();
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    programs::print("%s: %zu layers of %zu heads, each %zu wide (constant); next token after 1..8: %td\n",
                    model.config().name.c_str(), model.config().layers, model.config().heads,
                    std::size_t{decltype(KnownHeads::head_dim){}}, best);
    return 0;
  });
}
