// Prints the experts that the router of each layer chooses for each token, with a probe.
//   vlmt-router-probe [moe-model.gguf [text]]
#include <cstdlib>
#include <filesystem>
#include <string>

#include <vlmt/testing/tiny_model.hpp>
#include <vlmt/vlmt.hpp>

#include "common/output.hpp"
#include "common/run_main.hpp"

// A probe is any type with some of the members hidden, router and vision (see nn/probe.hpp). It is a template parameter
// of the runner: absent members cost nothing, not even a branch.
struct RouterPrinter {
  void router(std::size_t layer, vlmt::TensorView<const std::int32_t, 2> experts,
              vlmt::TensorView<const float, 2> weights) const {
    programs::print("layer %zu\n", layer);
    for (std::size_t token = 0; token < experts.extent(0); ++token) {
      programs::print("  token %2zu:", token);
      for (std::size_t k = 0; k < experts.extent(1); ++k) {
        programs::print("  expert %3d x %.3f", experts(token, k), static_cast<double>(weights(token, k)));
      }
      programs::print("\n");
    }
  }
};

int main(int argc, char** argv) {
  return programs::run_main("vlmt-router-probe", [&] {
    std::string path = argc > 1 ? argv[1] : "";
    std::string folder;
    if (path.empty()) {
      // Without an argument: random weights, 8 experts, 2 of them per token.
      folder = (std::filesystem::temp_directory_path() / "vlmt-router-probe-XXXXXX").string();
      if (::mkdtemp(folder.data()) == nullptr) throw vlmt::FileError("cannot be created", {.file = folder});
      path = folder + "/model.gguf";
      vlmt::testing::write_tiny_model({.experts = 8, .experts_used = 2}, path);
    }
    auto model = vlmt::ChatModel<vlmt::Qwen3VL>::open(path);
    if (model.vlm().config().experts == 0) throw vlmt::InputError("this model has no experts", {.file = path});
    vlmt::OmpTeam team;
    model.load(team);
    if (!folder.empty()) std::filesystem::remove_all(folder);

    vlmt::Runner<vlmt::Qwen3VL, vlmt::OmpTeam, RouterPrinter> runner(model.vlm(), team, {.context = 512});
    vlmt::Sequence text;
    text.append(model.tokenizer().encode(argc > 2 ? argv[2] : "Hello, experts!"));
    runner.feed(text);  // the probe prints during the prefill
    return 0;
  });
}
