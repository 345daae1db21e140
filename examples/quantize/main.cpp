// vlmt-quantize: converts the matrices of a GGUF file to another format.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <vlmt/exec/omp_team.hpp>
#include <vlmt/io/gguf.hpp>
#include <vlmt/quant/formats.hpp>
#include <vlmt/quant/ggml_type.hpp>

#include "../common/command_line.hpp"
#include "../common/interrupt.hpp"
#include "../common/mixture.hpp"
#include "../common/output.hpp"
#include "../common/rewrite_gguf.hpp"
#include "../common/run_main.hpp"

namespace {

struct Arguments {
  std::string input;
  std::string output;
  std::string type;
  std::string head_type;
  std::size_t threads = 0;
  bool quiet = false;
  bool dry_run = false;
};

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Converts the matrices of a GGUF file to another format. Norms, biases, routers, patch and position embeddings\n"
      "are copied. Rows that are not a multiple of the block size get a fallback format with smaller blocks.",
      "vlmt-quantize");
  CLI::App& app = *command_line;
  std::vector<std::string> formats;
  vlmt::for_each_type(vlmt::formats::all{}, [&](auto tag) { formats.emplace_back(decltype(tag)::type::name); });
  app.add_option("input", a.input, "Model or mmproj file; the first file of a split")->required();
  CLI::Option* output = app.add_option("output", a.output, "File to write");
  app.add_option("type,--type", a.type, "Format of all matrices, or a mixture as in llama.cpp, e.g. Q4_K_M")
      ->required()
      ->transform(CLI::IsMember(programs::mixture_names(), CLI::ignore_case));
  app.add_option("--head-type", a.head_type, "Format of the output head (of the embedding if tied)")
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  programs::add_count(app, "-t,--threads", a.threads, programs::thread_bounds, "Number of threads; 0: all");
  app.add_flag("--quiet", a.quiet, "Do not list tensors");
  app.add_flag("--dry-run", a.dry_run, "Print formats and sizes without writing; needs no output file");
  if (const auto code = programs::parse(app, argc, argv)) return code;
  if (output->count() == 0 && !a.dry_run) {
    std::fprintf(stderr, "vlmt-quantize: output is required (--help lists all options)\n");
    return 2;
  }
  return std::nullopt;
}

std::string type_name(std::uint32_t type) {
  return std::string(vlmt::ggml_type_info(type).name);
}

/// A warning if matrices that are quantised already get another quantised format; else empty.
std::string requantisation(const vlmt::GgufFile& file, const programs::Rewrite& rewrite) {
  const auto quantised = [](std::uint32_t type) { return vlmt::ggml_type_info(type).values > 1; };
  std::set<std::string> formats;
  std::size_t count = 0;
  for (const vlmt::GgufTensor& t : file.tensors()) {
    const std::uint32_t now = rewrite.type(t);
    if (now == t.type || !quantised(t.type) || !quantised(now)) continue;
    formats.insert(type_name(t.type));
    ++count;
  }
  if (count == 0) return {};
  std::string names;
  for (const std::string& name : formats) names += (names.empty() ? "" : ", ") + name;
  return "warning: " + std::to_string(count) + " of " + std::to_string(file.tensors().size()) +
         " tensors are quantised already (" + names + "): the errors add up, convert the original file instead";
}

int run(const Arguments& a) {
  programs::handle_interrupts();
  const vlmt::GgufFile file = vlmt::GgufFile::open(a.input);
  // A format applies to all matrices; only mixture names follow llama.cpp's choice per tensor.
  const auto type = vlmt::find_format(a.type);
  programs::Mixture mixture = type ? programs::pure_mixture(*type) : *programs::make_mixture(a.type);
  if (!a.head_type.empty()) mixture.head = *vlmt::find_format(a.head_type);

  programs::Rewrite rewrite;
  rewrite.type = programs::MixtureOfFile(file, mixture);
  rewrite.file_type = mixture.file_type;
  rewrite.stop = &programs::interrupted;
  const std::string warning = requantisation(file, rewrite);
  std::size_t tensors = 0;
  rewrite.on_tensor = [&](const vlmt::GgufTensor& t, std::uint32_t now) {
    if (tensors++ == 0 && !warning.empty()) std::fprintf(stderr, "vlmt-quantize: %s\n", warning.c_str());
    if (a.quiet) return;
    programs::print("%-44s %-24s %-6s -> %s\n", std::string(t.name).c_str(), t.shape().c_str(),
                    type_name(t.type).c_str(), type_name(now).c_str());
  };
  vlmt::OmpTeam team = a.threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(a.threads);
  const programs::RewriteBytes bytes =
      a.dry_run ? programs::plan_rewrite(file, rewrite) : programs::rewrite_gguf(file, a.output, rewrite, team);
  programs::print("%zu tensors, %.1f MiB -> %.1f MiB\n", tensors, static_cast<double>(bytes.before) / (1 << 20),
                  static_cast<double>(bytes.after) / (1 << 20));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return programs::run_main("vlmt-quantize", [&] {
    Arguments arguments;
    if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
    return run(arguments);
  });
}
