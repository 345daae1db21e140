#include "cuda/cpu_logits.hpp"

#include <algorithm>
#include <numeric>

#include "vlmt/exec/step_now.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/cpu/lower.hpp"
#include "vlmt/model/decoder.hpp"
#include "vlmt/model/qwen3vl.hpp"
#include "vlmt/model/weight_loader.hpp"

#include "cuda/converting_loader.hpp"

namespace vlmt::cuda_test {

std::vector<float> cpu_logits(const std::string& model_path, const Prompt& prompt,
                              std::optional<std::uint32_t> format) {
  using B = Cpu<arch::reference>;
  using M = OnBackend<Qwen3VL, B>;
  const GgufFile file = GgufFile::open(model_path);
  const TextConfig config = read_config<M>(file);
  const WeightSource source(file);
  WeightLoader<Cpu<arch::reference>, M::Formats> loader;
  ConvertingLoader<decltype(loader)> converting{loader, format};
  const Decoder<M> decoder(config, source, converting);
  ThreadTeam team(1);
  const Buffer weights = loader.load(team, {});

  const std::size_t n = prompt.rows();
  DecoderCapacity capacity;
  capacity.rows = capacity.logit_rows = capacity.context = n;
  Carver counting;
  decoder.take_buffers(counting, capacity);
  const Buffer memory(counting.bytes());
  Carver carver(memory.data(), memory.bytes());
  const auto b = decoder.take_buffers(carver, capacity);
  const KvLeaf& leaf = kv_leaf_v<F32, arch::reference>;
  const KvCache cache(decoder.kv_shape(n), leaf, leaf);

  std::copy(prompt.ids.begin(), prompt.ids.end(), b.inputs.ids);
  std::copy(prompt.positions.begin(), prompt.positions.end(), b.inputs.positions);
  std::copy(prompt.visual_at.begin(), prompt.visual_at.end(), b.inputs.visual_at);
  const std::size_t level_values = prompt.visual_at.size() * config.hidden;
  std::vector<float> features;
  for (const std::vector<float>& level : prompt.visual) features.insert(features.end(), level.begin(), level.end());
  for (std::size_t v = 0; v < prompt.visual_at.size(); ++v) {
    b.inputs.visual[v] = {features.data() + v * config.hidden, level_values};
  }
  std::iota(b.inputs.logit_rows, b.inputs.logit_rows + n, 0);
  b.inputs.sequences.set(0, cache, 0, n, RowKind::prompt);
  team.run([&](Member& m) {
    StepNow<B> step(m);
    NoProbe probe;
    decoder.forward(step, b, {n, prompt.visual_at.size(), n, 1}, Numerics::exact, probe);
  });
  return {b.logits, b.logits + n * config.vocab};
}

}  // namespace vlmt::cuda_test
