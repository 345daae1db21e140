// Models on packed weights from a cache file: same results, without packing and without reading the model's weights.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"

#include "golden_case.hpp"
#include "io/temp_dir.hpp"

namespace vlmt {
namespace packed_cache_test {
namespace {

using Model = ChatModel<Qwen3VL>;
using golden::Case;

class CachedModels : public ::testing::TestWithParam<const char*> {
 protected:
  CachedModels() {
    // A copy, because the test damages it.
    for (const char* name : {"model.gguf", "mmproj.gguf"}) {
      const std::string from = golden::folder(GetParam()) + "/" + name;
      if (std::filesystem::exists(from)) std::filesystem::copy_file(from, dir_ / name);
    }
    if (std::filesystem::exists(dir_ / "mmproj.gguf")) mmproj_ = dir_ / "mmproj.gguf";
  }

  Model open(const PackedCacheOptions& cache, Numerics numerics) {
    return Model::open(dir_ / "model.gguf", mmproj_, weights_for(numerics), cache);
  }

  /// Logits of a prompt and, unless the model is text-only, features of an image.
  std::vector<float> numbers(const Model& model, Numerics numerics) {
    OmpTeam team(2);
    Runner<Qwen3VL, OmpTeam> runner(model.vlm(), team, {.context = 64, .numerics = numerics});
    Sequence prompt;
    for (const int token : {1, 2, 3, 4, 5, 6, 7, 8}) prompt.append(token);
    runner.feed(prompt);
    runner.decode(9);
    std::vector<float> all(runner.logits().begin(), runner.logits().end());
    if (model.vlm().vision_encoder() == nullptr) return all;
    const auto file = SafetensorsFile::open(golden::folder(GetParam()) + "/cases.safetensors");
    const Case c(file, "image");
    const std::vector<std::int32_t> grid = c.ints("image_grid_thw");
    VisionPatches patches;
    patches.grid = {grid[0], grid[1], grid[2]};
    patches.values = c.floats("pixel_values");
    VisionOptions options;
    options.numerics = numerics;
    VisionRunner<Qwen3VL, OmpTeam> vision(model.vlm(), team, options);
    const auto features = vision.encode_patches(patches, {1, 2});
    all.insert(all.end(), features->row(0, 0), features->row(0, 0) + features->data.count());
    return all;
  }

  /// Overwrites the first quarter of each large tensor, which no load samples, and keeps the file's mtime.
  void damage(const std::string& path) {
    std::vector<std::pair<std::uint64_t, std::size_t>> places;
    {
      const GgufFile file = GgufFile::open(path);
      for (const GgufTensor& t : file.tensors()) {
        if (t.data.size() >= 4096 && !t.name.starts_with("v.patch_embd")) {
          places.emplace_back(t.offset, t.data.size() / 4);
        }
      }
    }
    ASSERT_FALSE(places.empty());
    const auto time = std::filesystem::last_write_time(path);
    {
      std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
      for (const auto& [at, bytes] : places) {
        out.seekp(static_cast<std::streamoff>(at));
        out << std::string(bytes, '\xff');
      }
      ASSERT_TRUE(out.flush());
    }
    std::filesystem::last_write_time(path, time);
  }

  const TempDir dir_;
  std::string mmproj_;
};

TEST_P(CachedModels, ComputeTheSameWithoutReadingTheModel) {
  const PackedCacheOptions cache{dir_ / "cache"};
  OmpTeam team(2);
  std::vector<std::vector<float>> want;
  for (const Numerics numerics : {Numerics::exact, Numerics::fast}) {
    Model plain = open({}, numerics);
    plain.load(team);
    want.push_back(numbers(plain, numerics));

    Model first = open(cache, numerics);
    // Only vision encoders are packed differently for other numerics.
    const bool shared = numerics == Numerics::fast && mmproj_.empty();
    EXPECT_EQ(first.vlm().weights_mapped(), shared);
    std::size_t calls = 0;
    first.load(team, [&](std::size_t, std::size_t) { ++calls; });
    EXPECT_EQ(calls == 0, shared);
    EXPECT_EQ(first.vlm().packed_cache().warning(), "");
    EXPECT_EQ(numbers(first, numerics), want.back());
  }
  // From here on, packing the files gives NaN or wrong weights.
  damage(dir_ / "model.gguf");
  if (!mmproj_.empty()) damage(mmproj_);
  const auto packed = [&] {
    Model model = open({}, Numerics::exact);
    model.load(team);
    return numbers(model, Numerics::exact);
  };
  try {
    EXPECT_NE(packed(), want[0]);
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
  }
  for (const Numerics numerics : {Numerics::exact, Numerics::fast}) {
    Model second = open(cache, numerics);
    ASSERT_TRUE(second.vlm().weights_mapped()) << second.vlm().packed_cache().warning();
    const std::size_t bytes = second.vlm().weight_bytes();
    const MemoryPlan plan = plan_memory(second.vlm(), {.context = 64}, 0, 2);
    EXPECT_EQ(plan.weights, 0u);
    EXPECT_EQ(plan.mapped, bytes);
    EXPECT_EQ(plan.total(), plan.kv_cache + plan.workspace + plan.feature_cache);
    second.load(team, [](std::size_t, std::size_t) { FAIL() << "weights are packed"; });
    EXPECT_EQ(second.vlm().weights().size(), bytes);
    EXPECT_EQ(numbers(second, numerics), want[numerics == Numerics::fast ? 1 : 0]);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, CachedModels, ::testing::Values("qwen3vl", "qwen3vl-moe"),
                         [](const auto& model) { return model.index == 0 ? "dense" : "moe"; });

TEST(PackedCache, IsAnOptionOfLoad) {
  const TempDir dir;
  LoadOptions options;
  options.packed_cache.folder = dir / "cache";
  const std::string model = golden::folder("qwen3vl") + "/model.gguf";
  EXPECT_FALSE(load<Qwen3VL>(model, {}, options).vlm().weights_mapped());
  // Mapped weights do not count against the memory limit.
  const auto needs = [&](const LoadOptions& o) {
    return plan_memory(Model::open(model, {}, weights_for(Numerics::fast), o.packed_cache), o.session, 0, 1).total();
  };
  options.session.threads = 1;
  options.memory_limit = needs(options);
  EXPECT_TRUE(load<Qwen3VL>(model, {}, options).vlm().weights_mapped());
  options.packed_cache = {};
  EXPECT_GT(needs(options), *options.memory_limit);
  EXPECT_THROW(load<Qwen3VL>(model, {}, options), LimitError);
}

}  // namespace
}  // namespace packed_cache_test
}  // namespace vlmt
