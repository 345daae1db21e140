// The command line of vlmt-chat.
#include "arguments.hpp"

#include "../common/command_line.hpp"

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line =
      programs::make_command_line("Asks a vision-language model about images and text, or chats with it.", "vlmt-chat");
  CLI::App& app = *command_line;
  app.footer(
      "Without a prompt, reads it from standard input, or starts a chat if that is a terminal.\n"
      "Without --model, uses the bundled model; --samples demonstrates it.");
  std::string kv;
  std::string numerics = "fast";

  app.add_option("prompt", a.prompt, "Prompt");
  app.add_option("-m,--model", a.model,
                 "Model file (.gguf; the first file of a split), or the name of a bundled model");
  app.add_option("--mmproj", a.mmproj, "Vision encoder file of the model (mmproj .gguf)");
  app.add_option("--image", a.images, "Image file (JPEG, PNG or WebP); repeat for several")->allow_extra_args(false);
  app.add_option("--frames", a.frames, "Folder with video frames as image files, ordered by name; repeat for several")
      ->allow_extra_args(false);
  app.add_option("--fps", a.fps, "Frames per second of --frames")->check(CLI::PositiveNumber);
  app.add_option("--system", a.system, "System message");
  app.add_flag("--samples", a.samples, "Answer a question about each bundled image, then exit")
      ->excludes("prompt", "--image", "--frames");
  app.add_flag("-i,--interactive", a.interactive, "Chat, starting with the prompt if there is one");

  const std::string sampling = "Sampling";
  app.add_flag("--greedy", a.greedy, "Always choose the most likely token")->group(sampling);
  app.add_option("--temp", a.temperature, "Temperature; 0: greedy")->group(sampling)->capture_default_str();
  app.add_option("--top-k", a.top_k, "Sample from the k most likely tokens; 0: all")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--top-p", a.top_p, "Sample from the most likely tokens with this cumulative probability")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--min-p", a.min_p, "Drop tokens less likely than this fraction of the most likely one")
      ->group(sampling);
  app.add_option("--repetition-penalty", a.repetition,
                 "Penalise repeated tokens: divides positive and multiplies negative logits; 1: off")
      ->group(sampling);
  app.add_option("--presence-penalty", a.presence, "Subtract this from the logit of every token seen before; 0: off")
      ->group(sampling);
  app.add_option("--frequency-penalty", a.frequency,
                 "Subtract this from the logit for each occurrence of a token; 0: off")
      ->group(sampling);
  app.add_option("--seed", a.seed, "Random seed; random if absent")->group(sampling);
  app.add_option("-n,--max-tokens", a.max_tokens, "Maximum tokens to generate; 0: until the context is full")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--stop", a.stop, "Stop string: end the answer before this text; repeat for several")
      ->group(sampling)
      ->allow_extra_args(false);
  app.add_flag("--ignore-eos", a.ignore_eos, "Ignore end-of-turn tokens (benchmarking)")->group(sampling);

  const std::string model = "Model and memory";
  app.add_option("-c,--context", a.context, "Context size in tokens, answers included")
      ->group(model)
      ->capture_default_str();
  app.add_option("--chunk", a.chunk, "Prefill chunk size in tokens")->group(model)->capture_default_str();
  app.add_option("-t,--threads", a.threads, "Number of threads; 0: all")->group(model);
  const std::vector<std::string> formats = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  app.add_option("--kv", kv, "KV cache format")->group(model)->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-keys", a.key_format, "KV cache format of the keys; default: --kv")
      ->group(model)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-values", a.value_format, "KV cache format of the values; default: --kv")
      ->group(model)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--numerics", numerics, "fast: quantised activations; exact: float32 activations")
      ->group(model)
      ->check(CLI::IsMember({"fast", "exact"}));
  app.add_option("--memory-limit", a.memory_limit,
                 "Refuse to load beyond this much memory, e.g. 6G; default: available memory")
      ->group(model)
      ->transform(programs::expand_units);
  programs::add_packed_cache(app, a.packed_cache, a.verify_packed_cache, model);

  const std::string images = "Images";
  app.add_option("--min-pixels", a.min_pixels, "Enlarge smaller images to this many pixels")
      ->group(images)
      ->transform(programs::expand_units);
  app.add_option("--max-pixels", a.max_pixels, "Shrink larger images to this many pixels")
      ->group(images)
      ->transform(programs::expand_units);
  app.add_option("--min-image-tokens", a.min_image_tokens, "--min-pixels in tokens")
      ->group(images)
      ->excludes("--min-pixels");
  app.add_option("--max-image-tokens", a.max_image_tokens, "--max-pixels in tokens")
      ->group(images)
      ->excludes("--max-pixels");
  app.add_option("--max-image-pixels", a.max_image_pixels, "Refuse image files with more pixels, before decoding them")
      ->group(images)
      ->transform(programs::expand_units)
      ->capture_default_str();

  const std::string output = "Output";
  app.add_flag("--stats", a.stats, "Print times, speeds and memory to standard error")->group(output);
  app.add_flag("--json", a.json, "Print one JSON object instead of text")->group(output);
  app.add_flag("--dry-run", a.dry_run, "Print image costs and the memory plan, then exit")->group(output);

  if (const auto code = programs::parse(app, argc, argv,
                                        {{"--min-picture-tokens", "--min-image-tokens"},
                                         {"--max-picture-tokens", "--max-image-tokens"},
                                         {"--ignore-end", "--ignore-eos"}}))
    return code;
  a.has_prompt = app.count("prompt") != 0;
  a.exact = numerics == "exact";
  if (a.key_format.empty()) a.key_format = kv;
  if (a.value_format.empty()) a.value_format = kv;
  if (a.json && a.interactive) {
    std::fprintf(stderr, "vlmt-chat: --json cannot be combined with --interactive\n");
    return 2;
  }
  if (a.samples && (a.json || a.interactive || a.dry_run)) {
    std::fprintf(stderr, "vlmt-chat: --samples cannot be combined with --json, --interactive or --dry-run\n");
    return 2;
  }
  return std::nullopt;
}
