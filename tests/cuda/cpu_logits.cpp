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
  const TextConfig config = read_text_config(file, M::architectures);
  const WeightSource source(file);
  WeightLoader<arch::reference, M::Formats> loader;
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

  std::copy(prompt.ids.begin(), prompt.ids.end(), b.data.ids);
  std::copy(prompt.positions.begin(), prompt.positions.end(), b.data.positions);
  std::copy(prompt.visual_at.begin(), prompt.visual_at.end(), b.data.visual_at);
  for (std::size_t l = 0; l < prompt.visual.size(); ++l) {
    std::copy(prompt.visual[l].begin(), prompt.visual[l].end(), b.data.visual + l * n * config.hidden);
  }
  std::iota(b.data.logit_rows, b.data.logit_rows + n, 0);
  b.data.sequences.set(0, cache, 0, n, RowKind::prompt);
  team.run([&](Member& m) {
    StepNow<B> step(m);
    NoProbe probe;
    decoder.forward(step, b, {n, prompt.visual_at.size(), n, 1}, Numerics::exact, probe);
  });
  return {b.data.logits, b.data.logits + n * config.vocab};
}

}  // namespace vlmt::cuda_test
