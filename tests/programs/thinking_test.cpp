// Programs with a model that thinks: the bundled one with a template that opens thoughts, and with the output rows of
// two tokens exchanged so that "</think>" is what it says in place of " at".
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/io/gguf.hpp"
#include "vlmt/quant/row.hpp"

#include "chat/answer_printer.hpp"
#include "model/edited_gguf.hpp"
#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using Strings = std::vector<std::string>;

const std::string models_folder = std::string(VLMT_SOURCE_DIR) + "/models/";
const std::string scene_image = models_folder + "samples/scene.png";
const std::string scene_question = "What do you see?";

class ThinkingPrograms : public program_test::ProgramTest {
 protected:
  static std::string template_text(const vlmt::GgufFile& file) {
    return std::string(file.get_or<std::string_view>("tokenizer.chat_template", ""));
  }
  static std::string replaced(std::string text, std::string_view from, std::string_view to) {
    EXPECT_NE(text.find(from), std::string::npos) << from;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
    return text;
  }

  /// The template of the bundled model with thoughts opened, as an editor would do it.
  static std::string opened() {
    const auto file = vlmt::GgufFile::open(models_folder + "tiny/tiny-Q8_0.gguf");
    return replaced(template_text(file), "'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\n<think>\\n'");
  }

  std::string with_template(const std::string& name, const std::string& text) const {
    EditedGguf(models_folder + "tiny/tiny-Q8_0.gguf").set("tokenizer.chat_template", text).write(path(name));
    return path(name);
  }

  std::string thinker() const {
    EditedGguf edited(models_folder + "tiny/tiny-Q8_0.gguf");
    const vlmt::GgufFile& file = edited.file();
    const vlmt::GgufTensor* head = &file.require_tensor("token_embd.weight");
    const auto columns = static_cast<std::size_t>(head->ne[0]), rows = static_cast<std::size_t>(head->ne[1]);
    std::vector<float> values(columns * rows);
    const std::size_t bytes = vlmt::row_bytes(head->type, columns);
    for (std::size_t r = 0; r < rows; ++r) {
      vlmt::decode_row(head->type, head->data.data() + r * bytes, columns, values.data() + r * columns);
    }
    const auto tokens = file.require_array<std::string>("tokenizer.ggml.tokens");
    const auto row_of = [&](const std::string& token) {
      const auto at = std::find(tokens.begin(), tokens.end(), token) - tokens.begin();
      EXPECT_LT(static_cast<std::size_t>(at), tokens.size()) << token;
      return values.begin() + at * static_cast<std::ptrdiff_t>(columns);
    };
    const auto from = row_of(
        "\xC4\xA0"
        "at");  // " at"
    std::swap_ranges(from, from + static_cast<std::ptrdiff_t>(columns), row_of("</think>"));
    edited.set_tensor("output.weight", {columns, rows}, values).set("tokenizer.chat_template", opened());
    edited.write(path("thinker.gguf"));
    return path("thinker.gguf");
  }

  Outcome chat(const std::string& model, Strings more) const {
    Strings arguments = {"-m",       model,     "--mmproj", models_folder + "tiny/mmproj-tiny-Q8_0.gguf",
                         "--greedy", "--image", scene_image};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back(scene_question);
    return run("vlmt-chat", arguments);
  }
};

TEST_F(ThinkingPrograms, ChatTellsThoughtsFromTheAnswer) {
  const std::string model = thinker();
  const Outcome json = chat(model, {"--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.err, "");
  const auto report = program_test::parse_json(json.out);
  const auto reasoning = report["reasoning"].get<std::string>(), text = report["text"].get<std::string>();
  EXPECT_NE(reasoning, "");
  EXPECT_NE(text, "");
  EXPECT_EQ((reasoning + text).find("think>"), std::string::npos) << json.out;
  // Not a terminal: no escapes, the thoughts between their tags.
  EXPECT_EQ(chat(model, {}).out, "<think>\n" + reasoning + "\n</think>\n\n" + text + "\n");
  EXPECT_EQ(chat(model, {"--hide-thinking"}).out, text + "\n");
  // Without thoughts the prompt has an empty block, and the output no tag.
  const auto off = program_test::parse_json(chat(model, {"--json", "--thinking", "off"}).out);
  EXPECT_EQ(off["reasoning"], "");
  const auto prompt = [](const nlohmann::json& j) { return j["stats"]["prompt_tokens"].get<std::size_t>(); };
  EXPECT_GT(prompt(off), prompt(report));
  const Outcome cut = chat(model, {"-n", "2"});
  EXPECT_EQ(cut.code, 0);
  EXPECT_NE(cut.err.find("--thinking off"), std::string::npos) << cut.err;
  EXPECT_EQ(chat(model, {"--thinking", "sometimes"}).code, 2);
}

TEST_F(ThinkingPrograms, EvalJudgesTheAnswerAlone) {
  const std::string model = thinker();
  const auto report = program_test::parse_json(chat(model, {"--json"}).out);
  std::filesystem::copy_file(scene_image, path("scene.png"));
  const nlohmann::json item = {
      {"id", "a"},
      {"task", "scene"},
      {"lang", "en"},
      {"content", {{{"type", "image"}, {"image", "scene.png"}}, {{"type", "text"}, {"text", scene_question}}}},
      {"answer", report["text"]},
      {"metric", "exact"}};
  program_test::write_text(path("items.jsonl"), item.dump() + "\n");
  const Outcome o = run("vlmt-eval", {home_.string(), "-m", model, "--mmproj",
                                      models_folder + "tiny/mmproj-tiny-Q8_0.gguf", "--format", "json"});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto answers = program_test::parse_json(o.out)["results"][0]["answers"];
  EXPECT_EQ(answers[0]["answer"], report["text"]) << o.out;
  EXPECT_EQ(answers[0]["score"], 1.0) << o.out;
}

TEST_F(ThinkingPrograms, TemplatesAreRecognisedByWhatTheyRender) {
  const auto prompt_tokens = [&](const std::string& model, std::string* err) {
    const Outcome o = run("vlmt-chat", {"-m", model, "--greedy", "-n", "1", "--json", scene_question});
    EXPECT_EQ(o.code, 0) << o.err;
    *err = o.err.find("chat template") == std::string::npos ? "" : o.err;
    return program_test::parse_json(o.out)["stats"]["prompt_tokens"].get<std::size_t>();
  };
  std::string err;
  const std::string instruct = models_folder + "tiny/tiny-Q8_0.gguf";
  const std::size_t plain = prompt_tokens(instruct, &err);
  EXPECT_EQ(err, "");
  const std::string t = opened();
  const std::pair<const char*, std::string> variants[] = {
      {"plain", t},
      {"comment", "{#- Unsloth template fixes: raise_exception removed #}\n" + t},
      {"guard", "{%- if not messages %}{{ raise_exception('no messages') }}{%- endif %}" + t},
      {"enable", t + "{#- enable_thinking is not used #}"},
      {"joined", replaced(t, "'<|im_start|>assistant\\n<think>\\n'", "'<|im_start|>assistant\\n' + '<think>\\n'")}};
  for (const auto& [name, text] : variants) {
    EXPECT_EQ(prompt_tokens(with_template(std::string(name) + ".gguf", text), &err), plain + 2) << name;
    EXPECT_EQ(err, "") << name;
  }
  EXPECT_EQ(prompt_tokens(with_template("other.gguf", "Q: {{ messages[0].content }}\nA: <think>"), &err), plain + 2);
  EXPECT_NE(err.find("other.gguf"), std::string::npos) << err;
  EXPECT_NE(err.find("that thinks"), std::string::npos) << err;
  EXPECT_EQ(prompt_tokens(with_template("bad.gguf", "\n{% for %}"), &err), plain);
  EXPECT_NE(err.find("line 2"), std::string::npos) << err;
  EXPECT_NE(err.find("that does not think"), std::string::npos) << err;
}

/// What a printer writes for thoughts and an answer.
std::string printed(bool hidden, bool dim, const Strings& thoughts, const Strings& answer) {
  std::FILE* file = std::tmpfile();
  {
    AnswerPrinter printer(file, hidden, dim);
    for (const std::string& piece : thoughts) printer.reasoning(piece);
    for (const std::string& piece : answer) printer.answer(piece);
  }
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST(AnswerPrinter, DimsHidesOrMarksThoughts) {
  EXPECT_EQ(printed(false, true, {"a", "b"}, {"c", "d"}), "\x1b[2mab\x1b[0m\n\ncd");
  EXPECT_EQ(printed(false, false, {"a", "b"}, {"c", "d"}), "<think>\nab\n</think>\n\ncd");
  EXPECT_EQ(printed(true, true, {"a", "b"}, {"c", "d"}), "cd");
  EXPECT_EQ(printed(false, true, {}, {"c"}), "c");
  EXPECT_EQ(printed(false, true, {"a"}, {}), "\x1b[2ma\x1b[0m");
  EXPECT_EQ(printed(false, true, {"a\x1b[0mb"}, {}), "\x1b[2ma?[0mb\x1b[0m");
}

}  // namespace
