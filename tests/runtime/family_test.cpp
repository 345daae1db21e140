// Families outside of the library run with shared code as it is: LLaVA-1.5 against the results of transformers.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/io/safetensors.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/isolated.hpp"

#include "golden_case.hpp"
#include "llava_family.hpp"

namespace vlmt {
namespace family_test {
namespace {

using Llava = llava::Llava;
using AwayLlava = OnBackend<Llava, ::vlmt::testing::Isolated<>>;

template <class M>
struct Loaded {
  Loaded()
      : cases(SafetensorsFile::open(golden::folder("llava") + "/cases.safetensors")),
        model(Vlm<M>::open(golden::folder("llava") + "/model.gguf", golden::folder("llava") + "/mmproj.gguf")) {
    OmpTeam team(2);
    model.load(team);
  }

  Image image() const {
    Image raw;
    raw.height = raw.original_height = 90;
    raw.width = raw.original_width = 130;
    raw.rgb = cases.template read<std::uint8_t>("image.raw");
    return raw;
  }

  std::shared_ptr<const VisionFeatures> features() const {
    OmpTeam team(2);
    VisionOptions options;
    options.numerics = Numerics::exact;
    VisionRunner<M, OmpTeam> vision(model, team, options);
    return vision.encode(image());
  }

  Sequence prompt(const std::string& name) const {
    constexpr std::int32_t image_token = 753;
    Sequence s(position_rule_of<M>());
    const std::vector<std::int32_t> ids = cases.template read<std::int32_t>(name + ".input_ids");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] != image_token || name == "text") {
        s.append(ids[i]);
        continue;
      }
      s.append(features(), 0, image_token);
      i += 24;
    }
    return s;
  }

  /// Logits of all rows of a prompt.
  std::vector<float> logits(const std::string& name) const {
    const Sequence s = prompt(name);
    OmpTeam team(2);
    RunnerOptions o{.context = 64, .chunk = 64, .logit_rows = 64, .numerics = Numerics::exact};
    o.key_format = o.value_format = F32::type_id;
    Runner<M, OmpTeam> runner(model, team, o);
    std::vector<float> rows;
    runner.feed(s, [&](std::size_t done, std::size_t) { rows = runner.logits_of_rows(done); });
    return rows;
  }

  SafetensorsFile cases;
  Vlm<M> model;
};

TEST(Family, FeaturesOfLlavaAreThoseOfTheReference) {
  const Loaded<Llava> l;
  const auto f = l.features();
  EXPECT_EQ(f->tokens(), 25u);
  const std::vector<float> got(f->row(0, 0), f->row(0, 0) + f->data.count());
  EXPECT_LT(golden::relative_error(got, l.cases.read<float>("image.image_embeds")), 4e-6);
}

TEST(Family, LogitsOfLlavaAreThoseOfTheReference) {
  const Loaded<Llava> l;
  for (const char* name : {"text", "image"}) {
    EXPECT_LT(golden::relative_error(l.logits(name), l.cases.read<float>(std::string(name) + ".logits")), 2e-6) << name;
  }
}

TEST(Family, LlavaOnTheIsolatingBackendHasTheBitsOfTheCpu) {
  const Loaded<Llava> here;
  const Loaded<AwayLlava> away;
  EXPECT_EQ(away.logits("image"), here.logits("image"));
}

TEST(Family, VideosAreRefusedByName) {
  const Loaded<Llava> l;
  OmpTeam team(1);
  VisionRunner<Llava, OmpTeam> vision(l.model, team);
  const std::vector<Image> frames(2, l.image());
  EXPECT_THROW(vision.encode_video(frames), InputError);
}

}  // namespace
}  // namespace family_test
}  // namespace vlmt
