// vlmt-parity: compares a model with reference results, stage by stage.
#include <cstdio>
#include <filesystem>
#include <string>

#include "../common/command_line.hpp"
#include "../common/output.hpp"
#include "../common/output_path.hpp"
#include "../common/run_main.hpp"
#include "inputs.hpp"

namespace {

struct Arguments {
  std::string folder;
  std::string kernels = "exact";
  std::string dump;
  bool partial = false;
  parity::Settings settings;
};

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Runs a model on the inputs in DIR/cases.safetensors and compares each stage with the results in that file.\n"
      "If DIR (a folder or a file) has tables.safetensors, checks the rules for sizes, frames and positions.",
      "vlmt-parity");
  CLI::App& app = *command_line;
  parity::Settings& s = a.settings;
  constexpr programs::Real error_bounds{0.0, 1e6, true};
  app.add_option("dir", a.folder, "Folder with cases.safetensors, model.gguf and mmproj.gguf, or one .safetensors file")
      ->required();
  app.add_option("-m,--model", s.model, "Model file; default: DIR/model.gguf");
  app.add_option("--mmproj", s.mmproj, "Vision encoder file; default: DIR/mmproj.gguf");
  app.add_option("--kernels", a.kernels,
                 "ref: scalar; exact: SIMD, float32 activations; default: fast numerics, as in a session")
      ->check(CLI::IsMember({"ref", "exact", "default"}))
      ->capture_default_str();
  programs::add_count(app, "--chunk", s.chunks, programs::chunk_bounds,
                      "Prefill chunk size in tokens; several values run one after the other")
      ->delimiter(',')
      ->allow_extra_args(false);
  programs::add_count(app, "--turns", s.turns, {1, 1000}, "Also feed the prompt in this number of turns");
  programs::add_count(app, "-t,--threads", s.threads, {1, 1024},
                      "Also run with these numbers of threads; logits must be bit-equal")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--kv", s.kv, "KV cache format; default: F32, with default kernels F16")
      ->transform(CLI::IsMember({"F32", "F16", "BF16", "Q8_0", "Q4_0"}, CLI::ignore_case));
  app.add_flag("--partial", a.partial, "Do not fail on results that are missing in the file");
  app.add_option("--case", s.cases, "Run only these cases")->delimiter(',')->allow_extra_args(false);
  programs::add_scaled(app, "--min-pixels", s.min_pixels, programs::pixel_bounds,
                       "Minimum pixels of a resized image; default: limits of the golden files");
  programs::add_scaled(app, "--max-pixels", s.max_pixels, programs::pixel_bounds, "Maximum pixels of a resized image")
      ->needs("--min-pixels");
  programs::add_real(app, "--limit", s.hidden.relative_l2, error_bounds,
                     "Maximum relative L2 error of hidden states and logits");
  programs::add_real(app, "--feature-limit", s.features.relative_l2, error_bounds,
                     "Maximum relative L2 error of vision features");
  programs::add_real(app, "--max-limit", s.hidden.largest, error_bounds,
                     "Maximum error, relative to the largest value");
  app.add_option("--dump", a.dump, "Write all computed tensors to this safetensors file");
  if (const auto code = programs::parse(app, argc, argv)) return code;
  s.fast = a.kernels == "default";
  s.has_dump = !a.dump.empty();
  if (s.chunks.empty()) s.chunks = {256};
  // The default kernels round activations to int8 and the KV cache to F16, see docs/numerics.md.
  if (app.count("--limit") == 0) s.hidden.relative_l2 = s.fast ? 3e-2 : 2e-6;
  if (app.count("--feature-limit") == 0) s.features.relative_l2 = s.fast ? 3e-2 : 4e-6;
  if (app.count("--max-limit") == 0) s.hidden.largest = s.fast ? 1e-1 : 1e-5;
  s.features.largest = s.hidden.largest;
  return std::nullopt;
}

int run(Arguments& a) {
  namespace fs = std::filesystem;
  const fs::path path = a.folder;
  fs::path tables = path / "tables.safetensors", cases = path / "cases.safetensors", home = path;
  if (!fs::is_directory(path)) {
    home = path.parent_path();
    (path.filename() == "tables.safetensors" ? tables : cases) = path;
    (path.filename() == "tables.safetensors" ? cases : tables).clear();
  }
  std::size_t passed = 0, failed = 0;
  const bool has_tables = !tables.empty() && fs::exists(tables);
  if (has_tables) {
    parity::Checker checker(tables.string());
    parity::check_tables(checker);
    passed += checker.passed();
    failed += checker.failed();
  }
  if (!cases.empty() && (fs::exists(cases) || !has_tables)) {
    parity::Checker checker(cases.string());
    if (a.partial) checker.allow_missing();
    if (a.settings.model.empty()) a.settings.model = (home / "model.gguf").string();
    if (a.settings.mmproj.empty() && fs::exists(home / "mmproj.gguf"))
      a.settings.mmproj = (home / "mmproj.gguf").string();
    if (!a.dump.empty()) programs::check_output(a.dump, {cases.string(), a.settings.model, a.settings.mmproj});
    const parity::VisionRules rules = parity::read_rules(a.settings.model, a.settings.mmproj);
    if (a.kernels == "ref") {
      parity::check_reference(checker, a.settings, rules);
    } else {
      parity::check_native(checker, a.settings, rules);
    }
    if (!a.dump.empty()) checker.dump(a.dump);
    passed += checker.passed();
    failed += checker.failed();
  }
  programs::print("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 && (passed != 0 || !a.dump.empty()) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return programs::run_main("vlmt-parity", [&] {
    Arguments arguments;
    if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
    return run(arguments);
  });
}
