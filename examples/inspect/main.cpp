// vlmt-inspect: lists the contents of model files and plans the memory of a model.
#include <cstdio>
#include <string>
#include <vector>

#include "../common/bundled_model.hpp"
#include "../common/command_line.hpp"
#include "../common/find_mmproj.hpp"
#include "../common/output.hpp"
#include "../common/run_main.hpp"
#include "contents.hpp"

namespace {

struct Arguments {
  std::vector<std::string> files;
  bool plan = false;
  bool json = false;
  std::string key;  ///< print only its value
  inspect::PlanRequest request;
};

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Lists keys and tensors of GGUF and safetensors files, or prints the memory plan of a model.", "vlmt-inspect");
  CLI::App& app = *command_line;
  std::string kv;
  std::vector<programs::ImageSize> sizes;
  const std::vector<std::string> formats = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  app.add_option("files", a.files,
                 "Files; with --plan a model and its mmproj file (for images); default: the bundled model");
  app.add_flag("--json", a.json, "Print JSON instead of text: all keys and values, one object per file");
  CLI::Option* get =
      app.add_option("--get", a.key, "Print only the value of this key, as it is; arrays one element a line");
  app.add_flag("--plan", a.plan, "Print the memory plan instead of the contents")->excludes(get);
  const std::string group = "Plan";
  programs::add_count(app, "-c,--context", a.request.context, programs::context_bounds,
                      "Context size in tokens; 0 or absent: chosen as vlmt-chat does")
      ->group(group);
  programs::add_count(app, "--chunk", a.request.chunk, programs::chunk_bounds, "Prefill chunk size in tokens")
      ->group(group)
      ->capture_default_str();
  programs::add_count(app, "-t,--threads", a.request.threads, programs::thread_bounds, "Number of threads; 0: all")
      ->group(group);
  programs::add_image_sizes(app, "--image", sizes, "Size of an image, e.g. 1024x768")->expected(1)->group(group);
  programs::add_count(app, "--frames", a.request.frames, {2, 1u << 20}, "Frames of a video of the size --image")
      ->group(group)
      ->needs("--image");
  programs::add_count(app, "--max-image-tokens", a.request.max_image_tokens, {1, std::uint64_t{1} << 30},
                      "Shrink the image to this many tokens, and not for lack of room or time")
      ->group(group);
  programs::add_count(app, "-n,--max-tokens", a.request.max_tokens, {0, std::uint64_t{1} << 31, "0"},
                      "Tokens of the answer that the context keeps room for; 0 or -1: a quarter of it")
      ->group(group)
      ->capture_default_str();
  app.add_option("--kv", kv, "KV cache format")->group(group)->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-keys", a.request.key_format, "KV cache format of the keys; default: --kv")
      ->group(group)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-values", a.request.value_format, "KV cache format of the values; default: --kv")
      ->group(group)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  if (const auto code = programs::parse(app, argc, argv, {{"--picture", "--image"}})) return code;
  if (a.request.key_format.empty()) a.request.key_format = kv;
  if (a.request.value_format.empty()) a.request.value_format = kv;
  if (!sizes.empty()) {
    a.request.image_width = sizes[0].width;
    a.request.image_height = sizes[0].height;
  }
  if (a.plan && a.files.size() > 2) {
    std::fprintf(stderr, "vlmt-inspect: --plan takes a model file and its mmproj file\n");
    return 2;
  }
  return std::nullopt;
}

int run(Arguments& a) {
  if (a.files.empty()) {
    const programs::ModelFiles bundled = programs::choose_model("", "", "vlmt-inspect", false);
    a.files = {bundled.model, bundled.mmproj};
  }
  if (a.plan) {
    a.request.model = a.files[0];
    if (a.files.size() > 1) a.request.mmproj = a.files[1];
    if (a.files.size() == 1 && a.request.image_width != 0) {
      a.request.mmproj = programs::find_mmproj(a.files[0], "vlmt-inspect");
    }
    const inspect::Plan plan = inspect::make_plan(a.request);
    programs::write(a.json ? to_json(a.request, plan) : to_text(a.request, plan));
    return 0;
  }
  for (const std::string& file : a.files) {
    if (!a.key.empty()) {
      programs::write(inspect::raw_value(file, a.key));
      continue;
    }
    const inspect::Contents contents = inspect::read_contents(file);
    programs::write(a.json ? to_json(contents) : to_text(contents));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return programs::run_main("vlmt-inspect", [&] {
    Arguments arguments;
    if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
    return run(arguments);
  });
}
