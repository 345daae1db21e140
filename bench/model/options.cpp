// The command line of vlmt-bench.
#include "options.hpp"

#include <cstdio>

#include "../../examples/common/command_line.hpp"

std::optional<int> parse_options(int argc, char** argv, Options& o) {
  const auto command_line = programs::make_command_line(
      "Measures model loading, image encoding, prefill and decode, as rates and as shares of the processor's limits.",
      "vlmt-bench");
  CLI::App& app = *command_line;
  app.footer(
      "Before each run its limit (memory bandwidth or arithmetic) is measured, so that other load on the machine\n"
      "lowers both. Figures are medians. Every value of a comma-separated list is tested. Default model: the bundled "
      "one.");
  std::vector<programs::ImageSize> sizes;
  std::string preset;
  std::string numerics = "fast";

  app.add_option("-m,--model", o.model, "Model file (.gguf; for a split model the first file)");
  app.add_option("--mmproj", o.mmproj, "Vision encoder file (mmproj .gguf)");
  programs::add_count(app, "-t,--threads", o.threads, {1, 1024}, "Number of threads; default: all")->delimiter(',');
  programs::add_count(app, "-p,--prompt", o.prompts, {0, 1 << 20},
                      "Prompt tokens of the prefill test; 0: no prefill test")
      ->delimiter(',')
      ->capture_default_str();
  programs::add_count(app, "-n,--tokens", o.tokens, {0, 1 << 16},
                      "Tokens to generate in the decode test; 0: no decode test")
      ->capture_default_str();
  programs::add_count(app, "-d,--depth", o.depths, {0, 1 << 20},
                      "Context depth: tokens already in the KV cache (random values)")
      ->delimiter(',')
      ->capture_default_str();
  programs::add_count(app, "-b,--batch", o.batches, {1, 1024}, "Number of sequences decoded together")
      ->delimiter(',')
      ->capture_default_str();
  programs::add_image_sizes(app, "--image", sizes, "Image sizes of the vision test, e.g. 512x512 (needs --mmproj)");
  programs::add_count(app, "-r,--runs", o.runs, {1, 1000}, "Repetitions of each test")->capture_default_str();
  programs::add_count(app, "--limit-memory", o.limit_mib, {1, 1 << 20},
                      "Buffer size in MiB for measuring memory bandwidth; default: 4096, but at most a third of the "
                      "available memory");
  app.add_option("--numerics", numerics, "fast, or exact (float32 activations)")
      ->check(CLI::IsMember({"fast", "exact"}));
  app.add_option("--kv", o.kv_format, "KV cache data type")
      ->transform(CLI::IsMember({"F16", "F32", "BF16", "Q8_0", "Q4_0"}, CLI::ignore_case));
  programs::add_packed_cache(app, o.packed_cache, o.verify_packed_cache);
  app.add_option("--preset", preset, "article: a 512x512 image and 128 prompt tokens, 256 generated tokens, ten runs")
      ->check(CLI::IsMember({"article"}));

  const std::string output = "Output";
  app.add_option("-o,--format", o.format, "Output format")
      ->group(output)
      ->capture_default_str()
      ->check(CLI::IsMember({"md", "csv", "json", "html"}));
  app.add_option("--output", o.output, "Write the report to this file instead of standard output")->group(output);
  app.add_option("--compare", o.baseline, "Compare with the JSON report of an earlier run")->group(output);
  app.add_option("--against", o.against,
                 "Benchmark of another program to run after each of our runs: a command line with {model}, {threads}, "
                 "{prompt}, {tokens}, {depth} that prints JSON with \"avg_ts\" (tokens per second) like llama-bench. "
                 "Without placeholders, llama-bench's options are appended")
      ->group(output);
  app.add_option("--against-vision", o.against_vision,
                 "The same for image encoding: a command line with {model}, {mmproj}, {image}, {threads} that "
                 "prints \"encoded in N ms\" or \"encoding done in N ms\"")
      ->group(output);
  app.add_flag("--profile", o.profile,
               "Print the time of each operation in one step of each test instead of measuring rates")
      ->group(output);
  app.add_option("--trace", o.trace,
                 "Write the profile to this file as a Chrome trace (chrome://tracing); implies --profile")
      ->group(output);

  if (const auto code = programs::parse(app, argc, argv, {{"--picture", "--image"}})) return code;
  for (const programs::ImageSize& size : sizes) o.images.emplace_back(size.width, size.height);
  o.exact = numerics == "exact";
  o.article = preset == "article";
  if (!o.trace.empty()) o.profile = true;
  return std::nullopt;
}
