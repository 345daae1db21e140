// Chat templates of model files, rendered in a sandbox: a part of Jinja2 that reads no files, imports nothing, changes
// none of its values, and ends when it takes too much time, depth or memory.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/text/jinja/value.hpp"

#if VLMT_HAS_BODIES
#include "vlmt/text/jinja/parser.hpp"
#include "vlmt/text/jinja/renderer.hpp"
#endif

VLMT_BEGIN_NAMESPACE

namespace jinja {

struct Program;

/// A template as transformers reads it: trim_blocks and lstrip_blocks are on, break and continue exist, {% generation
/// %} is a plain block, tojson writes what json.dumps(value, ensure_ascii=False) does.
class Template {
 public:
  using Variables = std::vector<std::pair<std::string_view, Value>>;

  /// Reads a template. Throws InputError, naming the line and what was expected there.
  static Template parse(std::string_view source, const Limits& limits = {});

  /// The output for these variables; their values belong to `heap`, which also sets the limits, or outlive the call.
  /// `now` is what strftime_now shows. Throws InputError for what the template refuses, cannot do or does too much of.
  std::string render(Heap& heap, const Variables& variables, const std::tm& now) const;
  std::string render(Heap& heap, const Variables& variables) const;

 private:
  explicit Template(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

#if VLMT_HAS_BODIES

VLMT_BODY Template Template::parse(std::string_view source, const Limits& limits) {
  if (source.size() > limits.source_bytes) {
    fail_at(1, "the template is too long", "at most " + std::to_string(limits.source_bytes) + " bytes",
            std::to_string(source.size()));
  }
  auto program = std::make_shared<Program>();
  program->source = normalized_source(source);
  Parser(*program, limits).parse();
  return Template(std::move(program));
}

VLMT_BODY std::string Template::render(Heap& heap, const Variables& variables, const std::tm& now) const {
  return Renderer(*program_, heap, now).render(variables);
}

VLMT_BODY std::string Template::render(Heap& heap, const Variables& variables) const {
  const std::time_t seconds = std::time(nullptr);
  std::tm now = {};
  localtime_r(&seconds, &now);
  return render(heap, variables, now);
}

#endif

}  // namespace jinja

VLMT_END_NAMESPACE
