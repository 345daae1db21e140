// The same program started many times, alone or on a busy machine, with any number of threads, computes the same bits.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "io/temp_dir.hpp"

namespace vlmt::determinism_test {
namespace {

/// Loads the model files of a folder and writes the logits after an image with text, after four decoded tokens, and the
/// scores of the tokens to `to`.
void write_results(const std::string& folder, const std::string& to) {
  const auto model = load<Qwen3VL>(folder + "/model.gguf", folder + "/mmproj.gguf", {.session = {.context = 128}});
  OmpTeam team;
  VisionRunner<Qwen3VL, OmpTeam> vision(model.vlm(), team);
  VisionPatches patches{{1, 8, 8}, std::vector<float>(64 * vision.preprocess().layout.values())};
  for (std::size_t i = 0; i < patches.values.size(); ++i) patches.values[i] = static_cast<float>(i % 251) / 251.0f;
  Sequence s;
  s.append(1);
  s.append(vision.encode_patches(patches), 0, 2);
  for (int t = 0; t < 40; ++t) s.append(1 + t * 37 % 200);
  Runner<Qwen3VL, OmpTeam> runner(model.vlm(), team, {.context = 128, .chunk = 32, .logit_rows = 8});
  std::ofstream file(to, std::ios::binary);
  const auto put = [&](std::span<const float> values) {
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
  };
  runner.feed(s);
  put(runner.logits());
  for (const int token : {7, 77, 17, 117}) runner.decode(token);
  put(runner.logits());
  put(runner.embedding());
  put(runner.score(s, 20));
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Determinism, TwentyStartsOnABusyMachineGiveTheSameBits) {
  // The test starts its own program: with this variable set, it only computes.
  const char* const variable = "VLMT_TEST_RESULTS";
  if (const char* folder = std::getenv(variable)) {
    return write_results(std::filesystem::path(folder).parent_path().string(), folder);
  }
  const TempDir dir;
  testing::write_tiny_model<Q8_0>({}, dir / "model.gguf");
  testing::write_tiny_mmproj({}, dir / "mmproj.gguf");
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::atomic<bool> done{false};
  std::vector<std::jthread> busy;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
    busy.emplace_back([&done] {
      while (!done.load(std::memory_order_relaxed)) {
      }
    });
  }
  std::string first;
  for (int start = 0; start < 20; ++start) {
    const std::string to = dir / ("results" + std::to_string(start));
    const std::string command = std::string(variable) + "='" + to +
                                "' OMP_NUM_THREADS=" + std::to_string(1 + start % 3) + " '" + program +
                                "' --gtest_filter=Determinism.* > /dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    const std::string bits = contents(to);
    if (first.empty()) first = bits;
    EXPECT_GT(bits.size(), 264u * 2 * sizeof(float));
    EXPECT_TRUE(bits == first) << "start " << start;
  }
  done = true;
}

}  // namespace
}  // namespace vlmt::determinism_test
