// The decoder on CUDA against golden cases, from the model and nn sources of every backend.
#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/step.cuh"
#include "vlmt/model/cuda_loader.cuh"
#include "vlmt/model/decoder.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/testing/compare.hpp"

#include "cuda/converting_loader.hpp"
#include "cuda/cpu_logits.hpp"
#include "cuda/device.cuh"
#include "cuda/prompt.hpp"

namespace vlmt::cuda_test {
namespace {

using ::vlmt::testing::compare;
using M = OnBackend<Qwen3VL, Cuda>;

constexpr double limit = 1e-5;  // of relative errors of logits
constexpr std::size_t page_slots = 16;

/// Rows [begin, end) of a prompt, for one sequence of a step.
struct Part {
  const Prompt* prompt;
  std::size_t begin;
  std::size_t end;
  std::size_t sequence;
};

/// A model with room for two sequences of `context` slots, in pages that are not adjacent.
class DeviceModel {
 public:
  DeviceModel(const std::string& path, cudaStream_t stream, std::optional<std::uint32_t> format = std::nullopt,
              std::uint32_t kv_type = F32::type_id)
      : stream_(stream) {
    const GgufFile file = GgufFile::open(path);
    const WeightSource source(file);
    CudaLoader<M::Formats> loader;
    ConvertingLoader<decltype(loader)> converting{loader, format};
    decoder_ = std::make_unique<Decoder<M>>(read_config<M>(file), source, converting);
    weights_ = loader.load(stream);

    DecoderCapacity capacity;
    capacity.rows = capacity.logit_rows = rows;
    capacity.context = context;
    capacity.sequences = 2;
    Carver counting;
    take(counting, capacity);
    memory_ = CudaBuffer(counting.bytes());
    Carver carver(memory_.data(), memory_.bytes());
    buffers_ = take(carver, capacity);

    const KvShape shape = decoder_->kv_shape(context);
    buffers_.inputs.sequences.layout = {kv_type, kv_type, shape.kv_heads, shape.head_dim, page_slots};
    page_bytes_ = shape.layers * buffers_.inputs.sequences.layout.layer_bytes();
    cache_ = CudaBuffer(2 * pages * page_bytes_);
  }

  const TextConfig& config() const { return decoder_->config(); }

  Numerics numerics = Numerics::exact;

  /// Puts the inputs of a step into device memory.
  StepSize stage(const std::vector<Part>& parts) {
    StepSize size;
    std::vector<std::int32_t> ids, positions, visual_at, logit_rows;
    std::vector<std::vector<float>> visual(1 + config().deepstack_layers);
    const StepInputs<Cuda>& d = buffers_.inputs;
    for (const Part& part : parts) {
      const Prompt& p = *part.prompt;
      const std::size_t n = part.end - part.begin;
      d.sequences.set(size.sequences - 1, addresses(part.sequence), part.begin, ids.size(), n, stream_);
      for (std::size_t v = 0; v < p.visual_at.size(); ++v) {
        const auto row = static_cast<std::size_t>(p.visual_at[v]);
        if (row < part.begin || row >= part.end) continue;
        visual_at.push_back(static_cast<std::int32_t>(ids.size() + row - part.begin));
        for (std::size_t l = 0; l < visual.size(); ++l) {
          const float* from = p.visual[l].data() + v * config().hidden;
          visual[l].insert(visual[l].end(), from, from + config().hidden);
        }
      }
      ids.insert(ids.end(), p.ids.begin() + static_cast<long>(part.begin), p.ids.begin() + static_cast<long>(part.end));
      positions.insert(positions.end(), p.positions.begin() + static_cast<long>(3 * part.begin),
                       p.positions.begin() + static_cast<long>(3 * part.end));
      ++size.sequences;
    }
    --size.sequences;
    size.rows = size.logit_rows = ids.size();
    size.visual_rows = visual_at.size();
    logit_rows.resize(size.rows);
    std::iota(logit_rows.begin(), logit_rows.end(), 0);
    cuda::copy_in(d.ids, ids, stream_);
    cuda::copy_in(d.positions, positions, stream_);
    cuda::copy_in(d.logit_rows, logit_rows, stream_);
    if (size.visual_rows == 0) return size;
    cuda::copy_in(d.visual_at, visual_at, stream_);
    const std::size_t level_values = size.visual_rows * config().hidden;
    features_ = CudaBuffer(visual.size() * level_values * sizeof(float));
    auto* features = reinterpret_cast<float*>(features_.data());
    for (std::size_t l = 0; l < visual.size(); ++l) cuda::copy_in(features + l * level_values, visual[l], stream_);
    std::vector<FeatureRow> addresses;
    for (std::size_t v = 0; v < size.visual_rows; ++v) {
      addresses.push_back({features + v * config().hidden, level_values});
    }
    cuda::copy_in(d.visual, addresses, stream_);
    return size;
  }

  void issue(StepSize size) const {
    StepCuda step(stream_);
    NoProbe probe;
    decoder_->forward(step, buffers_, size, numerics, probe);
  }

  std::vector<float> logits(std::size_t n) const {
    return cuda::copy_out(buffers_.logits, n * config().vocab, stream_);
  }

  /// Logits of all rows of a step.
  std::vector<float> step(const std::vector<Part>& parts) {
    const StepSize size = stage(parts);
    issue(size);
    return logits(size.rows);
  }

 private:
  static constexpr std::size_t rows = 128;
  static constexpr std::size_t context = 128;
  static constexpr std::size_t pages = context / page_slots;

  Decoder<M>::Buffers take(Carver& carver, const DecoderCapacity& capacity) const {
    auto b = decoder_->take_buffers(carver, capacity);
    b.inputs.sequences = cuda::Sequences::take(carver, capacity.sequences, pages);
    return b;
  }
  std::vector<std::byte*> addresses(std::size_t sequence) const {
    std::vector<std::byte*> all;
    for (std::size_t i = 0; i < pages; ++i)
      all.push_back(cache_.data() + (2 * (pages - 1 - i) + sequence) * page_bytes_);
    return all;
  }

  cudaStream_t stream_;
  std::unique_ptr<Decoder<M>> decoder_;
  CudaBuffer weights_;
  CudaBuffer memory_;
  CudaBuffer cache_;
  CudaBuffer features_;
  Decoder<M>::Buffers buffers_;
  std::size_t page_bytes_ = 0;
};

/// A golden model and its cases.
struct Golden {
  explicit Golden(const std::string& name)
      : path(golden_folder(name) + "/model.gguf"),
        cases(SafetensorsFile::open(golden_folder(name) + "/cases.safetensors")) {}
  std::string path;
  SafetensorsFile cases;
};

class CudaDecoder : public OnDevice {
 protected:
  /// Records a relative error, for reports.
  static void record(const std::string& what, double error) {
    std::printf("%-40s relative error of logits %.3g\n", what.c_str(), error);
  }
};

TEST_F(CudaDecoder, LogitsOfGoldenCases) {
  for (const std::string name : {"qwen3vl", "qwen3vl-moe"}) {
    const Golden g(name);
    DeviceModel model(g.path, stream_);
    for (const std::string c : {"text", "image"}) {
      const Prompt p = read_prompt(g.cases, c, model.config().deepstack_layers);
      const auto error = compare(model.step({{&p, 0, p.rows(), 0}}), g.cases.read<float>(c + ".logits"));
      record(name + " " + c, error.relative_l2);
      EXPECT_LT(error.relative_l2, limit) << name << " " << c << ": " << error.line();
    }
  }
}

TEST_F(CudaDecoder, ACacheOfHalvesStaysClose) {
  const Golden g("qwen3vl");
  DeviceModel model(g.path, stream_, std::nullopt, F16::type_id);
  const Prompt p = read_prompt(g.cases, "text", 0);
  const auto error = compare(model.step({{&p, 0, p.rows(), 0}}), g.cases.read<float>("text.logits"));
  record("qwen3vl text, F16 cache", error.relative_l2);
  EXPECT_LT(error.relative_l2, 2e-3) << error.line();
  EXPECT_GT(error.relative_l2, 0.0);
}

TEST_F(CudaDecoder, EveryWeightFormat) {
  const Golden g("qwen3vl");
  const Prompt p = read_prompt(g.cases, "text", 0);
  for_each_type(formats::all{}, [&](auto tag) {
    using Format = typename decltype(tag)::type;
    DeviceModel model(g.path, stream_, Format::type_id);
    const auto error = compare(model.step({{&p, 0, p.rows(), 0}}), cpu_logits(g.path, p, Format::type_id));
    record("qwen3vl text, " + std::string(Format::name) + " against the CPU", error.relative_l2);
    EXPECT_LT(error.relative_l2, limit) << Format::name << ": " << error.line();
  });
}

// Rows in bfloat16 for the prompt, in int8 for its last token alone, and attention on tensor cores.
TEST_F(CudaDecoder, FastNumericsStayClose) {
  const Golden g("qwen3vl");
  for (const std::uint32_t format : {Q4_K::type_id, Q6_K::type_id, Q8_0::type_id, BF16::type_id}) {
    DeviceModel model(g.path, stream_, format, F16::type_id);
    const Prompt p = read_prompt(g.cases, "image", model.config().deepstack_layers);
    const std::vector<float> exact = model.step({{&p, 0, p.rows(), 0}});
    model.numerics = Numerics::fast;
    const auto all = compare(model.step({{&p, 0, p.rows(), 0}}), exact);
    record("qwen3vl image, fast, type " + std::to_string(format), all.relative_l2);
    EXPECT_LT(all.relative_l2, 2e-2) << format << ": " << all.line();
    EXPECT_GT(all.relative_l2, 1e-4) << format << ": computed in floats";
    model.step({{&p, 0, p.rows() - 1, 1}});
    const std::vector<float> last = model.step({{&p, p.rows() - 1, p.rows(), 1}});
    const auto one =
        compare(last, std::vector<float>(exact.end() - static_cast<std::ptrdiff_t>(last.size()), exact.end()));
    record("qwen3vl image, its last token, fast, type " + std::to_string(format), one.relative_l2);
    EXPECT_LT(one.relative_l2, 4e-2) << format << ": " << one.line();
  }
}

// A row gives the same bits however the prompt is cut into steps, and with another sequence beside it.
TEST_F(CudaDecoder, ChunksAndOtherSequencesChangeNothing) {
  const Golden g("qwen3vl");
  DeviceModel model(g.path, stream_);
  const Prompt text = read_prompt(g.cases, "text", model.config().deepstack_layers);
  const Prompt image = read_prompt(g.cases, "image", model.config().deepstack_layers);
  const std::vector<float> alone = model.step({{&image, 0, image.rows(), 1}});
  const std::size_t cut = 7;
  model.step({{&text, 0, 20, 0}, {&image, 0, cut, 1}});
  std::vector<float> rest = model.step({{&text, 20, text.rows(), 0}, {&image, cut, image.rows(), 1}});
  const auto vocab = static_cast<std::ptrdiff_t>(model.config().vocab);
  const auto image_rows = static_cast<std::ptrdiff_t>(image.rows() - cut);
  const std::vector<float> got(rest.end() - image_rows * vocab, rest.end());
  const std::vector<float> want(alone.end() - image_rows * vocab, alone.end());
  EXPECT_EQ(got, want);
}

// The graph of one decode step is replayed with other tokens, positions and lengths.
TEST_F(CudaDecoder, GreedyTokensByReplayingAGraph) {
  const Golden g("qwen3vl");
  DeviceModel model(g.path, stream_);
  Prompt p = read_prompt(g.cases, "text", 0);
  const auto want = g.cases.read<std::int32_t>("text.greedy");
  const std::size_t vocab = model.config().vocab;
  std::vector<float> logits = model.step({{&p, 0, p.rows(), 0}});
  logits.erase(logits.begin(), logits.end() - static_cast<std::ptrdiff_t>(vocab));

  StepSize one;
  one.rows = one.logit_rows = one.sequences = 1;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), cudaSuccess);
  model.issue(one);
  ASSERT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&replay, graph, 0), cudaSuccess);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto best = static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    ASSERT_EQ(best, want[i]) << i;
    if (i + 1 == want.size()) break;
    const std::int32_t position = p.positions.back() + 1;  // of text: equal on all axes
    p.ids.push_back(best);
    p.positions.insert(p.positions.end(), 3, position);
    model.stage({{&p, p.rows() - 1, p.rows(), 0}});
    ASSERT_EQ(cudaGraphLaunch(replay, stream_), cudaSuccess);
    logits = model.logits(1);
  }
  const auto error = compare(logits, g.cases.read<float>("text.greedy_last_logits"));
  record("qwen3vl text, after 7 greedy tokens", error.relative_l2);
  EXPECT_LT(error.relative_l2, limit) << error.line();
  EXPECT_EQ(cudaGraphExecDestroy(replay), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

}  // namespace
}  // namespace vlmt::cuda_test
