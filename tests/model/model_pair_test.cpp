// mmproj files of another model: which are rejected, and which only give a warning.
#include "vlmt/model/model_pair.hpp"

#include <string>

#include <gtest/gtest.h>

#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "io/error_of.hpp"
#include "io/temp_dir.hpp"
#include "model/edited_gguf.hpp"

namespace vlmt {
namespace {

class ModelPair : public ::testing::Test {
 protected:
  ModelPair() {
    testing::write_tiny_model({}, model_);
    testing::write_tiny_mmproj({}, mmproj_);
  }

  /// The message of the error that opening the two files throws; "" if none.
  static std::string refusal(const std::string& model, const std::string& mmproj) {
    return error_of<FileError>([&] { Vlm<Qwen3VL>::open(model, mmproj); });
  }
  /// Expects an error that names both files and `parts`.
  void expect_refusal(const std::string& model, const std::string& mmproj, std::initializer_list<const char*> parts) {
    const std::string said = refusal(model, mmproj);
    for (const std::string& part : {model, mmproj}) EXPECT_NE(said.find(part), std::string::npos) << said;
    for (const char* part : parts) EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
  }

  /// The warning for files with these names; "" leaves the key out.
  std::string warning(const std::string& key, const std::string& ours, const std::string& theirs) {
    EditedGguf a(model_), b(mmproj_);
    a.erase("general.name");
    if (!ours.empty()) a.set(key, ours);
    if (!theirs.empty()) b.set(key, theirs);
    const auto vlm = Vlm<Qwen3VL>::open(a.write(dir_ / "named.gguf"), b.write(dir_ / "named-mmproj.gguf"));
    EXPECT_LE(vlm.warnings().size(), 1u);
    return vlm.warnings().empty() ? "" : vlm.warnings().front();
  }

  TempDir dir_;
  std::string model_ = dir_ / "model.gguf";
  std::string mmproj_ = dir_ / "mmproj.gguf";
  std::string other_ = dir_ / "other.gguf";
};

TEST_F(ModelPair, FilesOfOneModelAreAccepted) {
  EXPECT_EQ(refusal(model_, mmproj_), "");
  EXPECT_TRUE(Vlm<Qwen3VL>::open(model_, mmproj_).warnings().empty());
}

TEST_F(ModelPair, FeaturesOfAnotherWidthAreRejected) {
  testing::write_tiny_mmproj({.hidden = 320}, other_);
  expect_refusal(model_, other_, {"`mm.2.weight`", "another model", "256 rows", "qwen3vl.embedding_length", "320"});
}

TEST_F(ModelPair, AKeyWithAnotherWidthIsRejected) {
  EditedGguf(mmproj_).set("clip.vision.projection_dim", std::uint32_t{512}).write(other_);
  expect_refusal(model_, other_, {"`clip.vision.projection_dim`", "another model", "expected 256", "found 512"});
  EditedGguf(mmproj_).erase("clip.vision.projection_dim").write(other_);
  EXPECT_EQ(refusal(model_, other_), "");
}

TEST_F(ModelPair, AnotherNumberOfDeepstackLevelsIsRejected) {
  testing::write_tiny_mmproj({.deepstack = 2}, other_);
  expect_refusal(model_, other_, {"`clip.vision.is_deepstack_layers`", "1 levels", "n_deepstack_layers", "found 2"});
  EditedGguf(model_).erase("qwen3vl.n_deepstack_layers").write(other_);
  expect_refusal(other_, mmproj_, {"`clip.vision.is_deepstack_layers`", "0 levels", "found 1"});
}

TEST_F(ModelPair, DeepstackLevelsAreCountedByTensors) {
  EditedGguf(mmproj_).erase("clip.vision.is_deepstack_layers").write(other_);
  EXPECT_EQ(refusal(model_, other_), "");
  testing::write_tiny_mmproj({.deepstack = 0}, other_);
  const GgufFile none = GgufFile::open(other_);
  const std::string flags = dir_ / "flags.gguf";
  EditedGguf(mmproj_).set(*none.find("clip.vision.is_deepstack_layers")).write(flags);
  const std::string said = refusal(model_, flags);
  EXPECT_NE(said.find("`clip.vision.is_deepstack_layers[0]`"), std::string::npos) << said;
  EXPECT_NE(said.find("v.deepstack.0.fc1.weight"), std::string::npos) << said;
}

TEST_F(ModelPair, OtherKindsOfFilesAreRejected) {
  EditedGguf(mmproj_).set("clip.projector_type", std::string("mlp")).write(other_);
  std::string said = refusal(model_, other_);
  EXPECT_NE(said.find("`clip.projector_type`"), std::string::npos) << said;
  EXPECT_NE(said.find("expected qwen3vl_merger, found mlp"), std::string::npos) << said;
  said = refusal(model_, model_);
  EXPECT_NE(said.find("expected clip, found qwen3vl"), std::string::npos) << said;
  said = refusal(mmproj_, model_);
  EXPECT_NE(said.find("found clip"), std::string::npos) << said;
}

TEST_F(ModelPair, NamesOfDifferentModelsGiveAWarning) {
  for (const char* key : {"general.name", "general.basename"}) {
    const std::string said = warning(key, "Qwen3-VL-2B-Instruct", "Qwen3 VL 30B A3B Instruct");
    for (const std::string& part : {std::string(key), dir_ / "named.gguf", dir_ / "named-mmproj.gguf",
                                    std::string("\"Qwen3-VL-2B-Instruct\""), std::string("30B")}) {
      EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
    }
    EXPECT_NE(warning(key, "Qwen3-VL-8B-Instruct", "Qwen3-VL-8B-Thinking"), "");
    EXPECT_EQ(warning(key, "a\nb", "c\rd").find_first_of("\r\n"), std::string::npos);
  }
}

TEST_F(ModelPair, CompatibleNamesGiveNoWarning) {
  for (const char* key : {"general.name", "general.basename"}) {
    EXPECT_EQ(warning(key, "Qwen3-VL-2B-Instruct", "qwen3 vl 2b instruct"), "");
    EXPECT_EQ(warning(key, "tiny-moe", "tiny vision"), "");
    EXPECT_EQ(warning(key, "Someone's Qwen3 VL 8B", "mmproj-Qwen3_VL_8B"), "");
    EXPECT_EQ(warning(key, "Qwen3-VL-2B", ""), "");
    EXPECT_EQ(warning(key, "", "Qwen3-VL-2B"), "");
  }
  EXPECT_EQ(warning("general.size_label", "2B", "407M"), "");
}

TEST_F(ModelPair, TheBundledModelsShareAVisionEncoder) {
  const std::string folder = std::string(VLMT_SOURCE_DIR) + "/models/tiny/";
  for (const char* model : {"tiny-Q8_0.gguf", "tiny-moe-Q8_0.gguf"}) {
    EXPECT_TRUE(Vlm<Qwen3VL>::open(folder + model, folder + "mmproj-tiny-Q8_0.gguf").warnings().empty()) << model;
  }
}

}  // namespace
}  // namespace vlmt
