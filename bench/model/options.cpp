// The command line of vlmt-bench.
#include "options.hpp"

#include <cstdio>
#include <thread>

#include "../../examples/common/command_line.hpp"

namespace {

/// "512x384" as width and height.
std::pair<int, int> picture_size(const std::string& text) {
  int width = 0;
  int height = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &width, &height, &rest) != 2 || width < 1 || height < 1 || width > 16384 ||
      height > 16384) {
    throw CLI::ValidationError("'" + text + "' is no picture size like 512x512");
  }
  return {width, height};
}

}  // namespace

std::optional<int> parse_options(int argc, char** argv, Options& o) {
  const auto command_line = programs::make_command_line(
      "Measures how fast a model loads, sees, reads and writes, beside the limits of this processor.", "vlmt-bench");
  CLI::App& app = *command_line;
  app.footer(
      "Every run stands next to a measurement of its limit (reading memory, or arithmetic), so that a busy machine\n"
      "slows both. Figures are medians. Without --model the bundled model is measured.");
  std::vector<std::string> sizes;
  std::string preset;
  std::string numerics = "fast";

  app.add_option("-m,--model", o.model, "Model file (.gguf; the first file of a split)");
  app.add_option("--mmproj", o.mmproj, "Vision tower of the model (.gguf)");
  app.add_option("-t,--threads", o.threads, "Threads; several give several cases; all if absent")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("-p,--prompt", o.prompts, "Tokens of a prompt; 0 for no prefill cases")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("-n,--tokens", o.tokens, "Tokens generated in one run; 0 for no decode cases")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 16));
  app.add_option("-d,--depth", o.depths, "Tokens in the KV cache before (filled with random values)")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("-b,--batch", o.batches, "Sequences that decode together")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--picture", sizes, "Picture sizes to encode, as 512x512 (needs --mmproj)")->delimiter(',');
  app.add_option("-r,--runs", o.runs, "Runs of each case; the median is reported")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--limit-memory", o.limit_mib,
                 "MiB of memory that is read over for its limit; if absent 4096, or a third of what is available")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--numerics", numerics, "fast, or exact: float32 activations everywhere")
      ->check(CLI::IsMember({"fast", "exact"}));
  app.add_option("--kv", o.kv_format, "Format of the KV cache")
      ->transform(CLI::IsMember({"F16", "F32", "BF16", "Q8_0", "Q4_0"}, CLI::ignore_case));
  programs::add_packed_cache(app, o.packed_cache, o.verify_packed_cache);
  app.add_option("--preset", preset, "article: a 512x512 picture and 128 tokens in, 256 out, ten times")
      ->check(CLI::IsMember({"article"}));

  const std::string output = "Output";
  app.add_option("-o,--format", o.format, "md, csv, json or html")
      ->group(output)
      ->capture_default_str()
      ->check(CLI::IsMember({"md", "csv", "json", "html"}));
  app.add_option("--output", o.output, "File for the report instead of standard output")->group(output);
  app.add_option("--compare", o.baseline, "JSON report of an earlier run to compare with")->group(output);
  app.add_option(
         "--against", o.against,
         "A peer's bench to alternate with: a command line with {model}, {threads}, {prompt}, {tokens}, {depth} "
         "that prints JSON with \"avg_ts\" (tokens a second), as llama-bench does; without any of these, "
         "llama-bench's own options are added")
      ->group(output);
  app.add_option("--against-vision", o.against_vision,
                 "A peer's picture encoder: a command line with {model}, {mmproj}, {picture}, {threads} that prints "
                 "\"encoded in N ms\" or \"encoding done in N ms\"")
      ->group(output);
  app.add_flag("--profile", o.profile,
               "Time of each kind of operation in one step of each case: prompt, tokens, pictures")
      ->group(output);
  app.add_option("--trace", o.trace, "File for the profile as a trace that chrome://tracing shows")->group(output);

  app.callback([&] {
    for (const std::string& text : sizes) o.pictures.push_back(picture_size(text));
  });
  if (const auto code = programs::parse(app, argc, argv)) return code;
  o.exact = numerics == "exact";
  o.article = preset == "article";
  if (o.threads.empty()) o.threads = {std::max<std::size_t>(1, std::thread::hardware_concurrency())};
  if (!o.trace.empty()) o.profile = true;
  return std::nullopt;
}
