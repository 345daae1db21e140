// The command line of vlmt-chat.
#include "arguments.hpp"

#include "../common/command_line.hpp"

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Asks a vision-language model about pictures and text, or chats with it.", "vlmt-chat");
  CLI::App& app = *command_line;
  app.footer(
      "Without a prompt the program reads it from standard input, or chats if that is a terminal.\n"
      "Without --model it uses the model that is bundled with vlmt; --samples shows what that can do.");
  std::string kv;
  std::string numerics = "fast";

  app.add_option("prompt", a.prompt, "The question");
  app.add_option("-m,--model", a.model, "Model file (.gguf; the first file of a split), or a bundled model's name");
  app.add_option("--mmproj", a.mmproj, "Vision tower of the model (.gguf)");
  app.add_option("--image", a.images, "Picture (JPEG, PNG, WebP); may be given several times")->allow_extra_args(false);
  app.add_option("--frames", a.frames, "Folder with the frames of a video as pictures, in the order of their names")
      ->allow_extra_args(false);
  app.add_option("--fps", a.fps, "Frames a second at which the frames were taken")->check(CLI::PositiveNumber);
  app.add_option("--system", a.system, "System message");
  app.add_flag("--samples", a.samples, "Answer a question about each of the bundled pictures")
      ->excludes("prompt", "--image", "--frames");
  app.add_flag("-i,--interactive", a.interactive, "Chat, also if there is a prompt");

  const std::string sampling = "Sampling";
  app.add_flag("--greedy", a.greedy, "Always the most likely token")->group(sampling);
  app.add_option("--temp", a.temperature, "Temperature; 0 is greedy")->group(sampling)->capture_default_str();
  app.add_option("--top-k", a.top_k, "Sample from the k most likely tokens; 0 for all")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--top-p", a.top_p, "Sample from the most likely tokens that have this probability together")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--min-p", a.min_p, "Leave out tokens less likely than this share of the best")->group(sampling);
  app.add_option("--repetition-penalty", a.repetition, "Divides the logits of tokens seen before")->group(sampling);
  app.add_option("--presence-penalty", a.presence, "Subtracted once from tokens seen before")->group(sampling);
  app.add_option("--frequency-penalty", a.frequency, "Subtracted for each time a token was seen")->group(sampling);
  app.add_option("--seed", a.seed, "The same seed gives the same answer")->group(sampling);
  app.add_option("-n,--max-tokens", a.max_tokens, "Most tokens of an answer; 0: what the context has room for")
      ->group(sampling)
      ->capture_default_str();
  app.add_option("--stop", a.stop, "End the answer before this text; may be given several times")
      ->group(sampling)
      ->allow_extra_args(false);
  app.add_flag("--ignore-end", a.ignore_end, "Go on behind the end of the answer: for measuring")->group(sampling);

  const std::string model = "Model and memory";
  app.add_option("-c,--context", a.context, "Tokens of the whole conversation")->group(model)->capture_default_str();
  app.add_option("--chunk", a.chunk, "Tokens of one prefill step")->group(model)->capture_default_str();
  app.add_option("-t,--threads", a.threads, "Threads; 0 for all")->group(model);
  const std::vector<std::string> formats = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  app.add_option("--kv", kv, "Format of the KV cache")
      ->group(model)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-keys", a.key_format, "Format of its keys alone")
      ->group(model)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-values", a.value_format, "Format of its values alone")
      ->group(model)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--numerics", numerics, "fast, or exact: float32 activations everywhere")
      ->group(model)
      ->check(CLI::IsMember({"fast", "exact"}));
  app.add_option("--memory-limit", a.memory_limit, "Most memory, as in 6G; what the system has free if absent")
      ->group(model)
      ->transform(programs::expand_units);
  programs::add_packed_cache(app, a.packed_cache, a.verify_packed_cache, model);

  const std::string pictures = "Pictures";
  app.add_option("--min-pixels", a.min_pixels, "Enlarge smaller pictures to this many pixels")
      ->group(pictures)
      ->transform(programs::expand_units);
  app.add_option("--max-pixels", a.max_pixels, "Shrink larger pictures to this many pixels")
      ->group(pictures)
      ->transform(programs::expand_units);
  app.add_option("--min-picture-tokens", a.min_picture_tokens, "The same in tokens of the model")
      ->group(pictures)
      ->excludes("--min-pixels");
  app.add_option("--max-picture-tokens", a.max_picture_tokens, "The same in tokens of the model")
      ->group(pictures)
      ->excludes("--max-pixels");
  app.add_option("--max-image-pixels", a.max_image_pixels, "Refuse picture files with more pixels, before decoding")
      ->group(pictures)
      ->transform(programs::expand_units)
      ->capture_default_str();

  const std::string output = "Output";
  app.add_flag("--stats", a.stats, "Times, speeds and memory, on standard error")->group(output);
  app.add_flag("--json", a.json, "One JSON object instead of text")->group(output);
  app.add_flag("--dry-run", a.dry_run, "Only tell what pictures cost and what memory is needed")->group(output);

  if (const auto code = programs::parse(app, argc, argv)) return code;
  a.has_prompt = app.count("prompt") != 0;
  a.exact = numerics == "exact";
  if (a.key_format.empty()) a.key_format = kv;
  if (a.value_format.empty()) a.value_format = kv;
  if (a.json && a.interactive) {
    std::fprintf(stderr, "vlmt-chat: --json gives one answer and does not go with --interactive\n");
    return 2;
  }
  if (a.samples && (a.json || a.interactive || a.dry_run)) {
    std::fprintf(stderr, "vlmt-chat: --samples goes with none of --json, --interactive and --dry-run\n");
    return 2;
  }
  return std::nullopt;
}
