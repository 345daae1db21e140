// vlmt-inspect: what is in a model's files, and the memory that a model takes.
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
  std::string picture;
  bool plan = false;
  bool json = false;
  inspect::PlanRequest request;
};

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  const auto command_line = programs::make_command_line(
      "Lists keys and tensors of GGUF and safetensors files, or plans the memory of a model.", "vlmt-inspect");
  CLI::App& app = *command_line;
  std::string kv;
  const std::vector<std::string> formats = {"F16", "F32", "BF16", "Q8_0", "Q4_0"};
  app.add_option("files", a.files,
                 "Files; with --plan a model and, for pictures, its mmproj; the bundled model if absent");
  app.add_flag("--json", a.json, "JSON instead of text");
  app.add_flag("--plan", a.plan, "The memory plan instead of the contents");
  const std::string group = "Plan";
  app.add_option("-c,--context", a.request.context, "Tokens of the conversation")->group(group)->capture_default_str();
  app.add_option("--chunk", a.request.chunk, "Tokens of a prefill step")->group(group)->capture_default_str();
  app.add_option("-t,--threads", a.request.threads, "Threads; 0 for all")->group(group);
  app.add_option("--picture", a.picture, "Size of a picture, as in 1024x768")->group(group);
  app.add_option("--kv", kv, "Format of the KV cache")
      ->group(group)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-keys", a.request.key_format, "Format of its keys alone")
      ->group(group)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  app.add_option("--kv-values", a.request.value_format, "Format of its values alone")
      ->group(group)
      ->transform(CLI::IsMember(formats, CLI::ignore_case));
  if (const auto code = programs::parse(app, argc, argv)) return code;
  if (a.request.key_format.empty()) a.request.key_format = kv;
  if (a.request.value_format.empty()) a.request.value_format = kv;
  char rest = 0;
  int& width = a.request.picture_width;
  int& height = a.request.picture_height;
  if (!a.picture.empty() &&
      (std::sscanf(a.picture.c_str(), "%dx%d%c", &width, &height, &rest) != 2 || width < 1 || height < 1)) {
    std::fprintf(stderr, "vlmt-inspect: --picture: '%s' is no size like 1024x768\n", a.picture.c_str());
    return 2;
  }
  if (a.plan && a.files.size() > 2) {
    std::fprintf(stderr, "vlmt-inspect: --plan takes a model and its mmproj file\n");
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
