// vlmt-inspect: lists the contents of model files and plans the memory of a model.
#include <cstdio>
#include <string>
#include <vector>

#include "../common/bundled_model.hpp"
#include "../common/command_line.hpp"
#include "../common/exit_code.hpp"
#include "contents.hpp"

namespace {

struct Arguments {
  std::vector<std::string> files;
  std::string image;
  bool plan = false;
  bool json = false;
  inspect::PlanRequest request;
};

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Lists keys and tensors of GGUF and safetensors files, or prints the memory plan of a model.", "vlmt-inspect");
  CLI::App& app = *command_line;
  std::string kv;
  const std::vector<std::string> formats = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  app.add_option("files", a.files,
                 "Files; with --plan a model and its mmproj file (for images); default: the bundled model");
  app.add_flag("--json", a.json, "Print JSON instead of text");
  app.add_flag("--plan", a.plan, "Print the memory plan instead of the contents");
  const std::string group = "Plan";
  app.add_option("-c,--context", a.request.context, "Context size in tokens")->group(group)->capture_default_str();
  app.add_option("--chunk", a.request.chunk, "Prefill chunk size in tokens")->group(group)->capture_default_str();
  app.add_option("-t,--threads", a.request.threads, "Number of threads; 0: all")->group(group);
  app.add_option("--image", a.image, "Size of an image, e.g. 1024x768")->group(group);
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
  char rest = 0;
  int& width = a.request.image_width;
  int& height = a.request.image_height;
  if (!a.image.empty() &&
      (std::sscanf(a.image.c_str(), "%dx%d%c", &width, &height, &rest) != 2 || width < 1 || height < 1)) {
    std::fprintf(stderr, "vlmt-inspect: --image: '%s' is not a size such as 1024x768\n", a.image.c_str());
    return 2;
  }
  if (a.plan && a.files.size() > 2) {
    std::fprintf(stderr, "vlmt-inspect: --plan takes a model file and its mmproj file\n");
    return 2;
  }
  return std::nullopt;
}

int run(Arguments& a) {
  if (a.files.empty()) {
    const programs::ModelFiles bundled = programs::choose_model("", "", "vlmt-inspect");
    a.files = {bundled.model, bundled.mmproj};
  }
  if (a.plan) {
    a.request.model = a.files[0];
    if (a.files.size() > 1) a.request.mmproj = a.files[1];
    const inspect::Plan plan = inspect::make_plan(a.request);
    std::printf("%s", (a.json ? to_json(a.request, plan) : to_text(a.request, plan)).c_str());
    return 0;
  }
  for (const std::string& file : a.files) {
    const inspect::Contents contents = inspect::read_contents(file);
    std::printf("%s", (a.json ? to_json(contents) : to_text(contents)).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
  return programs::exit_code("vlmt-inspect", [&] { return run(arguments); });
}
