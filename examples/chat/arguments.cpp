// The command line of vlmt-chat.
#include "arguments.hpp"

#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "../common/command_line.hpp"
#include "../common/image_options.hpp"

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line =
      programs::make_command_line("Asks a vision-language model about images and text, or chats with it.", "vlmt-chat");
  CLI::App& app = *command_line;
  app.footer(
      "Without a prompt, reads it from standard input, or starts a chat if that is a terminal. Text that is piped in "
      "and\n"
      "a prompt are joined, the piped text first.\n"
      "Without --model, uses the bundled model; --samples demonstrates it.");
  std::string kv;
  std::string numerics = "fast";
  const std::string random_seed = std::to_string(std::random_device{}());  // short, to be typed again

  app.add_option("prompt,-p,--prompt", a.prompt, "Prompt; text piped in comes before it");
  app.add_option("-m,--model", a.model,
                 "Model file (.gguf; the first file of a split), or the name of a bundled model");
  CLI::Option* mmproj =
      app.add_option("--mmproj", a.mmproj,
                     "Vision encoder file (mmproj .gguf); default: the one beside the model that fits, if needed");
  app.add_flag("--no-mmproj", a.no_mmproj, "Text only: use no vision encoder")->excludes(mmproj);
  app.add_option("--image", a.images,
                 "Image file (JPEG, PNG, WebP, GIF or BMP), file: or data: URI, or - for standard input; repeat for "
                 "several")
      ->allow_extra_args(false);
  app.add_option("--frames", a.frames,
                 "Folder with video frames as image files, ordered by their numbers; repeat for several")
      ->allow_extra_args(false);
  programs::add_real(app, "--fps", a.fps, {0.0, 1000.0, true}, "Frames per second of --frames");
  app.add_option("--system", a.system, "System message");
  app.add_flag("--samples", a.samples, "Answer a question about each bundled image, then exit")
      ->excludes("prompt", "--image", "--frames");
  app.add_flag("-i,--interactive", a.interactive, "Chat, starting with the prompt if there is one");
  app.add_flag("!--no-history", a.history, "Do not keep the lines of a chat in ~/.local/state/vlmt/history");

  const std::string sampling = "Sampling";
  app.add_flag("--greedy", a.greedy, "Always choose the most likely token")->group(sampling);
  programs::add_real(app, "--temp", a.temperature, {0.0, 100.0}, "Temperature; 0: greedy")
      ->group(sampling)
      ->capture_default_str();
  programs::add_count(app, "--top-k", a.top_k, {0, std::numeric_limits<int>::max()},
                      "Sample from the k most likely tokens; 0: all")
      ->group(sampling)
      ->capture_default_str();
  programs::add_real(app, "--top-p", a.top_p, {0.0, 1.0, true},
                     "Sample from the most likely tokens with this cumulative probability")
      ->group(sampling)
      ->capture_default_str();
  programs::add_real(app, "--min-p", a.min_p, {0.0, 1.0},
                     "Drop tokens less likely than this fraction of the most likely one")
      ->group(sampling);
  programs::add_real(app, "--repetition-penalty", a.repetition, {0.0, 100.0, true},
                     "Penalise repeated tokens: divides positive and multiplies negative logits; 1: off")
      ->group(sampling);
  programs::add_real(app, "--presence-penalty", a.presence, {-100.0, 100.0},
                     "Subtract this from the logit of every token seen before; 0: off")
      ->group(sampling);
  programs::add_real(app, "--frequency-penalty", a.frequency, {-100.0, 100.0},
                     "Subtract this from the logit for each occurrence of a token; 0: off")
      ->group(sampling);
  programs::add_count(app, "--seed", a.seed, {.minus_one = random_seed.c_str()}, "Random seed; random if absent or -1")
      ->group(sampling);
  programs::add_count(app, "-n,--max-tokens", a.max_tokens, {0, std::uint64_t{1} << 31, "0"},
                      "Maximum tokens to generate; 0 or -1: until the context is full")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--stop", a.stop, "Stop string: end the answer before this text; repeat for several")
      ->group(sampling)
      ->allow_extra_args(false);
  app.add_flag("--ignore-eos", a.ignore_eos, "Ignore end-of-turn tokens (benchmarking)")->group(sampling);
  programs::add_grammar_options(app, a.grammar, sampling);

  app.add_option("--thinking", a.thinking, "Think before the answer: auto does what the model's chat template says")
      ->group(sampling)
      ->transform(CLI::CheckedTransformer(std::map<std::string, vlmt::Thinking>{{"auto", vlmt::Thinking::automatic},
                                                                                {"on", vlmt::Thinking::on},
                                                                                {"off", vlmt::Thinking::off}},
                                          CLI::ignore_case)
                      .description("{auto,on,off}"))
      ->default_str("auto");

  const std::string model = "Model and memory";
  programs::add_count(
      app, "-c,--context", a.context, programs::context_bounds,
      "Context size in tokens, answers included; 0 or absent: as large as the inputs need, at least 8192 "
      "where model and memory allow it")
      ->group(model);
  programs::add_count(app, "--chunk", a.chunk, programs::chunk_bounds, "Prefill chunk size in tokens")
      ->group(model)
      ->capture_default_str();
  programs::add_count(app, "-t,--threads", a.threads, programs::thread_bounds, "Number of threads; 0: all")
      ->group(model);
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
  programs::add_scaled(app, "--memory-limit", a.memory_limit, {1},
                       "Refuse to load beyond this much memory, e.g. 6G; default: available memory")
      ->group(model);
  programs::add_packed_cache(app, a.packed_cache, a.verify_packed_cache, model);

  const std::string images = "Images";
  programs::add_scaled(app, "--min-pixels", a.min_pixels, programs::pixel_bounds,
                       "Enlarge smaller images to this many pixels")
      ->group(images);
  programs::add_scaled(app, "--max-pixels", a.max_pixels, programs::pixel_bounds,
                       "Shrink larger images to this many pixels, and not for lack of room or time")
      ->group(images);
  programs::add_count(app, "--min-image-tokens", a.min_image_tokens, {1, std::uint64_t{1} << 30},
                      "--min-pixels in tokens")
      ->group(images)
      ->excludes("--min-pixels");
  programs::add_count(app, "--max-image-tokens", a.max_image_tokens, {1, std::uint64_t{1} << 30},
                      "--max-pixels in tokens")
      ->group(images)
      ->excludes("--max-pixels");
  programs::add_scaled(app, "--max-image-pixels", a.image_files.max_pixels, programs::pixel_bounds,
                       "Refuse image files with more pixels, before decoding them")
      ->group(images)
      ->capture_default_str();
  app.add_flag("--exact-images", a.exact_images,
               "Refuse images that would be shrunk to fit the context or to be encoded in about 20 s (a request: 60 s)")
      ->group(images);
  programs::add_image_options(app, a.image_files, images);

  const std::string output = "Output";
  app.add_flag("--stats", a.stats, "Print times, speeds and memory to standard error")->group(output);
  app.add_flag("--hide-thinking", a.hide_thinking, "Print the answer without the thoughts before it")->group(output);
  app.add_flag("--json", a.json, "Print one JSON object instead of text")->group(output);
  app.add_option("--draw", a.draw, "Draw the boxes and points of an answer on its image, into this PNG file")
      ->group(output);
  app.add_option(
         "--coordinates", a.coordinates,
         "Boxes and points of answers; relative: 0 to 1000, as Qwen3-VL answers; resized: pixels of the resized "
         "image")
      ->group(output)
      ->transform(CLI::CheckedTransformer(std::map<std::string, Coordinates>{{"relative", Coordinates::relative},
                                                                             {"resized", Coordinates::resized}},
                                          CLI::ignore_case)
                      .description("{relative,resized}"))
      ->default_str("relative");
  app.add_flag("--dry-run", a.dry_run, "Print image costs and the memory plan, then exit")->group(output);

  if (const auto code = programs::parse(app, argc, argv,
                                        {{"--min-picture-tokens", "--min-image-tokens"},
                                         {"--max-picture-tokens", "--max-image-tokens"},
                                         {"--ignore-end", "--ignore-eos"}}))
    return code;
  a.has_prompt = app.count("prompt") != 0;
  if (app.count("--seed") == 0) a.seed = std::stoull(random_seed);
  a.exact = numerics == "exact";
  if (a.key_format.empty()) a.key_format = kv;
  if (a.value_format.empty()) a.value_format = kv;
  if (a.json && a.interactive) {
    std::fprintf(stderr, "vlmt-chat: --json cannot be combined with --interactive\n");
    return 2;
  }
  if (!a.draw.empty() && !a.draw.ends_with(".png") && !a.draw.ends_with(".PNG")) {
    std::fprintf(stderr, "vlmt-chat: --draw writes PNG files: the name must end with .png\n");
    return 2;
  }
  if (a.samples && (a.json || a.interactive || a.dry_run || !a.draw.empty())) {
    std::fprintf(stderr, "vlmt-chat: --samples cannot be combined with --json, --interactive, --dry-run or --draw\n");
    return 2;
  }
  return std::nullopt;
}
