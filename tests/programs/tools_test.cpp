// Runs vlmt-inspect, vlmt-quantize and vlmt-parity as processes.
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/io/gguf.hpp"
#include "vlmt/io/safetensors.hpp"
#include "vlmt/io/safetensors_writer.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using Strings = std::vector<std::string>;

class ToolPrograms : public program_test::ProgramTest {
 protected:
  using Edit = std::function<bool(std::vector<float>& values, std::vector<std::uint64_t>& shape)>;

  /// The golden cases with one tensor changed by `edit`, or dropped if it returns false.
  std::string changed_cases(const std::string& name, const Edit& edit) const {
    const auto file = vlmt::SafetensorsFile::open(golden("qwen3vl/cases.safetensors"));
    std::vector<float> values = file.read<float>(name);
    std::vector<std::uint64_t> shape = file.require_tensor(name).shape;
    const bool keep = edit(values, shape);
    vlmt::SafetensorsWriter writer;
    for (const auto& t : file.tensors()) {
      if (t.name != name) {
        writer.add(t.name, *t.type, t.shape, t.data);
      } else if (keep) {
        writer.add(t.name, std::span<const std::uint64_t>(shape), std::span<const float>(values));
      }
    }
    const std::string folder = path("changed");
    std::filesystem::create_directories(folder);
    writer.write(folder + "/cases.safetensors");
    return folder;
  }

  Outcome parity(const std::string& folder, Strings more) const {
    Strings arguments = {folder, "-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run("vlmt-parity", arguments);
  }
};

TEST_F(ToolPrograms, ParityHoldsOnTheGoldenModels) {
  for (const char* kernels : {"ref", "exact", "default"}) {
    Strings options = {"--partial", "--kernels", kernels};
    // The scalar kernels sum in double, so the reference's own rounding shows in full: at most 2.05e-6. The exact
    // kernels share the order of its longest sum and meet the usual limit.
    if (std::string(kernels) == "ref") options.insert(options.end(), {"--limit", "2.4e-6"});
    const Outcome o = parity(golden("qwen3vl"), options);
    EXPECT_EQ(o.code, 0) << o.out;
    EXPECT_NE(o.out.find("kernels: "), std::string::npos);
    const Outcome moe =
        run("vlmt-parity", {golden("qwen3vl-moe"), "--partial", "--case", "text", "--kernels", kernels});
    EXPECT_EQ(moe.code, 0) << moe.out;
  }
}

TEST_F(ToolPrograms, ParityHoldsForAnyChunkTurnsAndThreads) {
  const Outcome o = parity(
      golden("qwen3vl"), {"--partial", "--case", "mixed", "--chunk", "7,1,64", "--turns", "3", "--threads", "1,2,3,7"});
  EXPECT_EQ(o.code, 0) << o.out;
  EXPECT_NE(o.out.find("7 threads: "), std::string::npos);
  EXPECT_NE(o.out.find("3 turns: "), std::string::npos);
}

TEST_F(ToolPrograms, ParityDetectsOneWrongTensor) {
  const auto failure = [&](const std::string& name, const Strings& more, const Edit& edit) {
    const Outcome o = parity(changed_cases(name, edit), more);
    EXPECT_EQ(o.code, 1) << o.out;
    const std::size_t at = o.out.find("FAIL " + name);
    EXPECT_NE(at, std::string::npos) << o.out;
    return at == std::string::npos ? std::string() : o.out.substr(at, o.out.find('\n', at) - at);
  };
  const auto missing = [](std::vector<float>&, std::vector<std::uint64_t>&) { return false; };
  EXPECT_NE(failure("image.hidden2", {}, missing).find("missing"), std::string::npos);
  EXPECT_NE(failure("image.image_deepstack1", {}, missing).find("missing"), std::string::npos);
  const auto reshaped = [](std::vector<float>& values, std::vector<std::uint64_t>& shape) {
    shape = {values.size()};
    return true;
  };
  EXPECT_NE(failure("text.logits", {"--partial"}, reshaped).find("shape"), std::string::npos);
  const auto not_finite = [](std::vector<float>& values, std::vector<std::uint64_t>&) {
    values[7] = std::numeric_limits<float>::quiet_NaN();
    return true;
  };
  EXPECT_NE(failure("text.logits", {"--partial"}, not_finite).find("not finite"), std::string::npos);
  const auto wrong = [](std::vector<float>& values, std::vector<std::uint64_t>&) {
    values[3 * 768 + 5] += 1e-2f;
    return true;
  };
  EXPECT_NE(failure("text.logits", {"--partial"}, wrong).find("[3, 5]"), std::string::npos);
}

TEST_F(ToolPrograms, ParityDumpsFromInputsOnly) {
  const auto file = vlmt::SafetensorsFile::open(golden("qwen3vl/cases.safetensors"));
  vlmt::SafetensorsWriter writer;
  for (const auto& t : file.tensors()) {
    const std::string rest = t.name.substr(t.name.find('.') + 1);
    if (rest == "input_ids" || rest.starts_with("raw")) writer.add(t.name, *t.type, t.shape, t.data);
  }
  writer.write(path("cases.safetensors"));
  EXPECT_EQ(parity(path("cases.safetensors"), {}).code, 1);
  const Outcome o = parity(path("cases.safetensors"), {"--dump", path("dump.safetensors")});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto dump = vlmt::SafetensorsFile::open(path("dump.safetensors"));
  for (const auto& t : file.tensors()) {
    const std::string rest = t.name.substr(t.name.find('.') + 1);
    if (rest == "input_ids" || rest.starts_with("raw")) continue;
    ASSERT_NE(dump.find_tensor(t.name), nullptr) << t.name;
    EXPECT_EQ(dump.require_tensor(t.name).shape, t.shape) << t.name;
    EXPECT_EQ(dump.require_tensor(t.name).dtype, t.dtype) << t.name;
  }
}

// The scalar kernels' double sums over the requantised weights are the reference. Logits are bit-equal for any number
// of threads.
TEST_F(ToolPrograms, RequantisedModelsMatchTheScalarKernelsForAnyThreads) {
  const auto prompts = vlmt::SafetensorsFile::open(golden("qwen3vl/cases.safetensors"));
  const auto& ids = prompts.require_tensor("text.input_ids");
  const std::string inputs = path("inputs.safetensors"), cases = path("cases.safetensors"),
                    dump = path("dump.safetensors");
  vlmt::SafetensorsWriter input_writer;
  input_writer.add(ids.name, *ids.type, ids.shape, ids.data);
  input_writer.write(inputs);
  const std::string model = path("model.gguf");
  for (const std::string name : {"Q8_0", "Q4_1", "Q4_K", "Q6_K", "NVFP4"}) {
    ASSERT_EQ(run("vlmt-quantize", {golden("qwen3vl/model.gguf"), model, "--type", name, "--quiet"}).code, 0) << name;
    ASSERT_EQ(run("vlmt-parity", {inputs, "-m", model, "--kernels", "ref", "--dump", dump}).code, 0) << name;
    const auto reference = vlmt::SafetensorsFile::open(dump);
    const auto& logits = reference.require_tensor("text.logits");
    vlmt::SafetensorsWriter writer;
    writer.add(ids.name, *ids.type, ids.shape, ids.data);
    writer.add(logits.name, *logits.type, logits.shape, logits.data);
    writer.write(cases);
    const Strings common = {cases, "-m", model, "--partial", "--threads", "1,2,3,7", "--kernels"};
    Strings exact = common, fast = common;
    exact.insert(exact.end(), {"exact"});
    fast.insert(fast.end(), {"default", "--limit", "5e-2"});
    for (const Strings& arguments : {exact, fast}) {
      const Outcome o = run("vlmt-parity", arguments);
      EXPECT_EQ(o.code, 0) << name << o.out << o.err;
      EXPECT_NE(o.out.find("7 threads: text.logits: bit-equal"), std::string::npos) << name << o.out;
    }
  }
}

TEST_F(ToolPrograms, EveryFormatRuns) {
  std::vector<std::pair<std::string, std::uint32_t>> formats;
  vlmt::for_each_type(vlmt::formats::all{}, [&]<class Format>(vlmt::TypeTag<Format>) {
    formats.emplace_back(Format::name, Format::type_id);
  });
  const std::string model = path("model.gguf"), mmproj = path("mmproj.gguf");
  program_test::write_png(path("image.png"), 64, 48);
  for (const auto& [name, type_id] : formats) {
    const Outcome q = run("vlmt-quantize", {golden("qwen3vl/model.gguf"), model, "--type", name, "--quiet"});
    ASSERT_EQ(q.code, 0) << name << q.err;
    ASSERT_EQ(run("vlmt-quantize", {golden("qwen3vl/mmproj.gguf"), mmproj, "--type", name, "--quiet"}).code, 0) << name;
    const auto file = vlmt::GgufFile::open(model);
    EXPECT_EQ(file.require_tensor("blk.0.attn_q.weight").type, type_id) << name;
    EXPECT_EQ(file.require_tensor("blk.0.attn_norm.weight").type, vlmt::F32::type_id) << name;
    const Outcome o = run("vlmt-chat", {"-m", model, "--mmproj", mmproj, "--image", path("image.png"), "--greedy", "-n",
                                        "4", "--json", "Hi"});
    EXPECT_EQ(o.code, 0) << name << o.err;
  }
}

TEST_F(ToolPrograms, QuantizeUsesSubstitutesForOddRows) {
  vlmt::testing::write_tiny_model({.hidden = 96, .heads = 2, .kv_heads = 1, .head_dim = 40, .ffn = 72},
                                  path("odd.gguf"));
  ASSERT_EQ(run("vlmt-quantize", {path("odd.gguf"), path("out.gguf"), "--type", "Q6_K"}).code, 0);
  const auto file = vlmt::GgufFile::open(path("out.gguf"));
  EXPECT_EQ(file.require_tensor("blk.0.attn_q.weight").type, vlmt::Q8_0::type_id);   // rows of 96
  EXPECT_EQ(file.require_tensor("blk.0.ffn_down.weight").type, vlmt::F16::type_id);  // rows of 72
  EXPECT_EQ(file.require<std::uint32_t>("general.file_type"), 18u);
  EXPECT_EQ(run("vlmt-quantize", {path("none.gguf"), path("x.gguf"), "--type", "Q6_K"}).code, 1);
  EXPECT_EQ(run("vlmt-quantize", {path("odd.gguf"), path("x.gguf"), "--type", "IQ1_S"}).code, 2);
}

TEST_F(ToolPrograms, InspectListsFilesAndPlans) {
  const Outcome text = run("vlmt-inspect", {golden("qwen3vl/model.gguf")});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("general.architecture = qwen3vl"), std::string::npos);
  EXPECT_NE(text.out.find("blk.0.attn_q.weight"), std::string::npos);
  const Outcome json = run("vlmt-inspect", {golden("qwen3vl/model.gguf"), "--json"});
  const auto parsed = program_test::parse_json(json.out);
  const auto model = vlmt::GgufFile::open(golden("qwen3vl/model.gguf"));
  EXPECT_EQ(parsed["tensors"].size(), model.tensors().size());
  const Outcome tensors = run("vlmt-inspect", {golden("qwen3vl/cases.safetensors"), "--json"});
  EXPECT_EQ(program_test::parse_json(tensors.out)["format"], "safetensors");

  const Strings files = {golden("qwen3vl/model.gguf"), golden("qwen3vl/mmproj.gguf"), "--plan", "--json"};
  const auto bytes = [&](Strings more) {
    more.insert(more.begin(), files.begin(), files.end());
    const Outcome o = run("vlmt-inspect", more);
    EXPECT_EQ(o.code, 0) << o.err;
    return program_test::parse_json(o.out);
  };
  const auto small = bytes({"--context", "1024", "--image", "640x480"});
  const auto large = bytes({"--context", "2048", "--kv", "F32"});
  EXPECT_EQ(small["image"]["tokens"], 300);
  EXPECT_EQ(small["context"], 1024);
  // Without a context it is chosen for the image and the answer; a given one bounds the image.
  EXPECT_EQ(bytes({"--image", "2560x2560"})["context"], 4096);  // the trained context
  const auto photo = bytes({"--image", "4032x3024", "-c", "4096"});
  EXPECT_EQ(photo["image"]["full_tokens"], 11844);
  EXPECT_EQ(photo["image"]["limit"]["reason"], "room");
  EXPECT_LE(photo["prompt_tokens"].get<std::size_t>(), 4096u - 1024u);
  EXPECT_GT(photo["image"]["tokens"].get<std::size_t>() + 40, photo["prompt_tokens"].get<std::size_t>());
  EXPECT_EQ(bytes({"--image", "4032x3024", "-c", "4096", "--max-image-tokens", "16384"})["image"]["tokens"],
            photo["image"]["tokens"]);
  const auto video = bytes({"--image", "1920x1080", "--frames", "60", "-c", "4096"});
  EXPECT_EQ(video["image"]["frames"], 60);
  EXPECT_EQ(video["image"]["full_tokens"], 11700);
  EXPECT_GT(small["plan_bytes"]["tokenizer"].get<std::size_t>(), 768u);
  EXPECT_EQ(small["plan_bytes"]["tokenizer"], large["plan_bytes"]["tokenizer"]);
  EXPECT_EQ(small["plan_bytes"]["feature_cache"], 48 << 20);
  EXPECT_EQ(small["plan_bytes"]["mapped"], 0);
  EXPECT_FALSE(small["available_limit"].get<std::string>().empty());
  const Outcome lines = run("vlmt-inspect", {golden("qwen3vl/model.gguf"), "--plan"});
  EXPECT_NE(lines.out.find("\ntokenizer "), std::string::npos) << lines.out;
  EXPECT_EQ(4 * small["plan_bytes"]["kv_cache"].get<std::size_t>(), large["plan_bytes"]["kv_cache"].get<std::size_t>());
  EXPECT_EQ(run("vlmt-inspect", {"--plan", golden("qwen3vl/model.gguf"), "--image", "big"}).code, 2);
  const Outcome bad = run("vlmt-inspect", {path("none.gguf")});
  EXPECT_EQ(bad.code, 1);
  EXPECT_TRUE(bad.is_one_line_from("vlmt-inspect")) << bad.err;
}

TEST_F(ToolPrograms, InspectPrintsTypedAndCompleteValues) {
  const std::string model = golden("qwen3vl/model.gguf");
  const auto file = vlmt::GgufFile::open(model);
  const auto json = program_test::parse_json(run("vlmt-inspect", {model, "--json"}).out);
  const auto& keys = json["keys"];
  EXPECT_EQ(keys.size(), file.values().size());
  EXPECT_EQ(keys["qwen3vl.block_count"], 4);
  EXPECT_TRUE(keys["qwen3vl.block_count"].is_number_integer());
  EXPECT_EQ(keys["qwen3vl.attention.layer_norm_rms_epsilon"].dump(), "1e-06");
  EXPECT_EQ(keys["tokenizer.ggml.add_bos_token"], false);
  EXPECT_EQ(keys["tokenizer.ggml.tokens"].size(), 768u);
  EXPECT_TRUE(keys["tokenizer.ggml.token_type"][767].is_number_integer());
  const auto& tensor = file.require_tensor("blk.1.attn_q.weight");
  for (const auto& t : json["tensors"]) {
    if (t["name"] != "blk.1.attn_q.weight") continue;
    EXPECT_EQ(t["offset"], tensor.offset);
    EXPECT_EQ(t["bytes"], tensor.data.size());
    EXPECT_EQ(t["shape"], (std::vector<std::uint64_t>{256, 256}));
  }

  const auto value = [&](const std::string& key) {
    const Outcome o = run("vlmt-inspect", {model, "--get", key});
    EXPECT_EQ(o.code, 0) << o.err;
    return o.out;
  };
  EXPECT_EQ(value("general.architecture"), "qwen3vl\n");
  EXPECT_EQ(value("qwen3vl.rope.freq_base"), "5000000.0\n");
  EXPECT_EQ(value("qwen3vl.rope.dimension_sections"), "24\n20\n20\n0\n");
  const Outcome none = run("vlmt-inspect", {model, "--get", "general.nothing"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.err.find("`general.nothing`: there is no such key"), std::string::npos) << none.err;
}

TEST_F(ToolPrograms, QuantizeTellsWhatItWouldWrite) {
  const Strings base = {golden("qwen3vl/model.gguf"), path("out.gguf"), "--type", "Q4_K_M"};
  Strings dry = base;
  dry.emplace_back("--dry-run");
  const Outcome planned = run("vlmt-quantize", dry);
  EXPECT_EQ(planned.code, 0) << planned.err;
  EXPECT_FALSE(std::filesystem::exists(path("out.gguf")));
  const Outcome written = run("vlmt-quantize", base);
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(planned.out, written.out);
  EXPECT_NE(planned.out.find("blk.0.attn_q.weight"), std::string::npos);
  EXPECT_EQ(run("vlmt-quantize", {base[0], "--type", "Q4_K_M", "--dry-run"}).out, planned.out);
  EXPECT_EQ(run("vlmt-quantize", {base[0], "--type", "Q4_K_M"}).code, 2);
  EXPECT_EQ(run("vlmt-quantize", {base[0], path("positional.gguf"), "Q4_K_M", "--quiet"}).code, 0);
}

}  // namespace
