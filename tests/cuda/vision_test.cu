// The vision encoder on CUDA against golden cases, from their pixel values.
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/step.cuh"
#include "vlmt/model/cuda_loader.cuh"
#include "vlmt/model/vision_encoder.hpp"
#include "vlmt/testing/compare.hpp"

#include "cuda/device.cuh"
#include "cuda/prompt.hpp"

namespace vlmt::cuda_test {
namespace {

using ::vlmt::testing::compare;

class CudaVision : public OnDevice {
 protected:
  /// Features (1 + levels, tokens, width) of one grid, from patches.
  std::vector<float> encode(const VisionEncoder<Cuda>& encoder, const PatchGrid& grid,
                            const std::vector<float>& pixels) {
    const std::size_t n = grid.patches();
    const auto slices = static_cast<std::size_t>(grid.t);
    const Device<float> patches(pixels, stream_);
    Carver counting;
    encoder.take_buffers(counting, n, slices, 1);
    const Device<std::byte> memory(counting.bytes());
    Carver carver(memory.data(), counting.bytes());
    auto b = encoder.take_buffers(carver, n, slices, 1);
    b.patches = patches.data();

    const Buffer on_host(counting.bytes());
    Carver host_carver(on_host.data(), on_host.bytes());
    auto host = encoder.take_buffers(host_carver, n, slices, 1);
    encoder.fill_inputs(grid, host.inputs);
    const auto copy = [&]<class T>(T* to, const T* from, std::size_t count) {
      cuda::copy_in(to, std::span<const T>(from, count), stream_);
    };
    copy(b.inputs.corners, host.inputs.corners, 4 * n);
    copy(b.inputs.corner_weights, host.inputs.corner_weights, 4 * n);
    copy(b.inputs.positions, host.inputs.positions, 2 * n);
    copy(b.inputs.segments, host.inputs.segments, slices + 1);

    const VisionConfig& c = encoder.config();
    const Device<float> features((1 + encoder.levels()) * grid.tokens(static_cast<int>(c.merge)) * c.out_hidden);
    StepCuda step(stream_);
    NoProbe probe;
    encoder.forward(step, b, grid, features.data(), Numerics::exact, probe);
    return features.host(stream_);
  }
};

TEST_F(CudaVision, FeaturesOfGoldenCases) {
  const std::string folder = golden_folder("qwen3vl");
  const GgufFile file = GgufFile::open(folder + "/mmproj.gguf");
  CudaLoader<formats::all> loader;
  const VisionEncoder<Cuda> encoder(read_vision_config(file), WeightSource(file), loader);
  const CudaBuffer weights = loader.load(stream_);
  const SafetensorsFile cases = SafetensorsFile::open(folder + "/cases.safetensors");
  struct Kind {
    std::string name, pixels;
  };
  // The video has several slices: patches attend within theirs.
  for (const Kind& kind :
       {Kind{"image.image", "image.pixel_values"}, Kind{"mixed.video", "mixed.pixel_values_videos"}}) {
    const auto thw = cases.read<std::int32_t>(kind.name + "_grid_thw");
    const PatchGrid grid{thw[0], thw[1], thw[2]};
    std::vector<float> want = cases.read<float>(kind.name + "_embeds");
    for (std::size_t l = 0; l < encoder.levels(); ++l) {
      const auto level = cases.read<float>(kind.name + "_deepstack" + std::to_string(l));
      want.insert(want.end(), level.begin(), level.end());
    }
    const auto error = compare(encode(encoder, grid, cases.read<float>(kind.pixels)), want);
    std::printf("%-40s relative error of features %.3g\n", kind.name.c_str(), error.relative_l2);
    EXPECT_LT(error.relative_l2, 1e-5) << kind.name << ": " << error.line();
  }
}

}  // namespace
}  // namespace vlmt::cuda_test
