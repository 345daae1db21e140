// Examples of docs/kernels.md.
#include <cstdint>
#include <cstdio>
#include <vector>

#include <vlmt/exec/omp_team.hpp>
#include <vlmt/kernel/tensors/activation.hpp>
#include <vlmt/kernel/tensors/attention.hpp>
#include <vlmt/kernel/tensors/grouped_matmul.hpp>
#include <vlmt/kernel/tensors/matmul.hpp>
#include <vlmt/kernel/tensors/norm.hpp>
#include <vlmt/kernel/tensors/patches.hpp>
#include <vlmt/kernel/tensors/quantize.hpp>
#include <vlmt/kernel/tensors/resample.hpp>
#include <vlmt/kernel/tensors/rope.hpp>
#include <vlmt/kernel/tensors/router.hpp>
#include <vlmt/kernel/tensors/sampling.hpp>
#include <vlmt/kernel/tensors/softmax.hpp>
#include <vlmt/quant/q4_k.hpp>
#include <vlmt/tensor/eigen.hpp>
#include <vlmt/tensor/slice.hpp>

namespace {

void products() {
  auto weights = vlmt::make_tensor<float>(1024, 2048);  // (outputs, inputs)
  const auto w = vlmt::Matrix<vlmt::Q4_K>::encode(weights);
  auto x = vlmt::make_tensor<vlmt::bfloat16>(7, 2048);
  auto y = vlmt::make_tensor<float>(7, 1024);
  vlmt::matmul(w, x, y);  // y = x * w^T

  vlmt::OmpTeam team;
  vlmt::QuantizedTensor q(7, 2048);
  vlmt::quantize_rows(x, q, team);
  vlmt::matmul(w, q, y, team);  // faster: int8 activations
}

void norms() {
  auto x = vlmt::make_tensor<vlmt::float16>(7, 2048);
  auto y = vlmt::make_tensor<float>(7, 2048);
  const std::vector<float> weight(2048, 1.0f), bias(2048);
  vlmt::rms_norm(x, weight, 1e-6f, y);
  vlmt::layer_norm(x, weight, bias, 1e-6f, y);
  vlmt::norm_rows(vlmt::RmsNorm{weight.data(), 1e-6f}, x, y);  // or a norm of your own
}

void activations() {
  auto gate = vlmt::make_tensor<float>(7, 2048);
  auto up = vlmt::make_tensor<float>(7, 2048);
  vlmt::activate_rows(vlmt::GeluTanh{}, gate, gate);  // in place
  vlmt::gated_rows(vlmt::Silu{}, gate, up, up);       // silu(gate) * up
}

void softmax() {
  Eigen::MatrixXf logits = Eigen::MatrixXf::Random(7, 100);
  vlmt::softmax(logits, logits);  // by rows, without a copy of the column-major matrix
}

void attention() {
  auto qkv = vlmt::make_tensor<float>(50, 8 + 2 + 2, 64);  // (tokens, heads of queries, keys and values, head_dim)
  const auto q = vlmt::slice(qkv, 1, 0, 8), k = vlmt::slice(qkv, 1, 8, 10), v = vlmt::slice(qkv, 1, 10, 12);
  std::vector<std::int32_t> positions(50);
  for (std::size_t t = 0; t < positions.size(); ++t) positions[t] = static_cast<std::int32_t>(t);
  std::vector<float> frequencies(32);
  vlmt::rope_frequencies(1e6, frequencies.size(), nullptr, frequencies.data());
  vlmt::rope(vlmt::Rope1d<>{}, positions, frequencies, vlmt::slice(qkv, 1, 0, 10));  // queries and keys, in place
  auto out = vlmt::make_tensor<float>(50, 8, 64);
  vlmt::attention(vlmt::CausalAttention{}, q, k, v, 0.125f, out);
}

void experts() {
  auto weights = vlmt::make_tensor<float>(16, 1024, 2048);  // (experts, outputs, inputs)
  const auto w = vlmt::ExpertMatrices<vlmt::Q4_K>::encode(weights);
  auto x = vlmt::make_tensor<float>(7, 2048);
  auto logits = vlmt::make_tensor<float>(7, 16);
  auto ids = vlmt::make_tensor<std::int32_t>(7, 4);
  auto shares = vlmt::make_tensor<float>(7, 4);
  vlmt::route(vlmt::TopKRouter<4>{}, logits, ids, shares);
  auto y = vlmt::make_tensor<float>(7, 4, 1024);
  vlmt::grouped_matmul(w, x, ids, y);  // y[t, j] = x[t] * w[ids[t, j]]^T
}

void images() {
  auto photo = vlmt::make_tensor<std::uint8_t>(480, 640, 3);
  auto frames = vlmt::make_tensor<std::uint8_t>(2, 256, 320, 3);  // a still image is two equal frames
  const std::size_t frame_values = 256 * 320 * 3;
  for (std::size_t i = 0; i < 2; ++i)
    vlmt::resample<vlmt::Bicubic>(photo, vlmt::view(frames.data() + i * frame_values, 256, 320, 3));
  auto patches = vlmt::make_tensor<float>(16 * 20, 3 * 2 * 16 * 16);
  vlmt::patchify(frames, {.patch = 16, .merge = 2}, patches);
  auto weights = vlmt::make_tensor<float>(768, 3, 2, 16, 16);
  const vlmt::PatchWeights w(weights, std::vector<float>(768));
  auto features = vlmt::make_tensor<float>(16 * 20, 768);
  vlmt::patch_embed(w, patches, features);
}

void sampling() {
  std::vector<float> logits(32000);
  vlmt::SamplerRng random{.seed = 1};
  const vlmt::SampledToken token = vlmt::sample_token(logits, {.temperature = 0.7f, .top_p = 0.9f}, random);
  std::printf("%d with probability %g\n", token.token, static_cast<double>(token.probability));
  std::vector<vlmt::TokenLogit> top(5);
  vlmt::top_log_probs(logits, top);
  const std::vector<std::int32_t> targets = {17};
  std::vector<float> score(1);
  vlmt::score_rows(logits, targets, score);  // log-probability of token 17
}

void places() {
  auto x = vlmt::make_tensor<vlmt::float16>(7, 2048);
  const std::vector<float> weight(2048, 1.0f);
  vlmt::OmpTeam team;
  vlmt::TensorScratch scratch;
  for (int i = 0; i < 1000; ++i) vlmt::rms_norm(x, weight, 1e-6f, x, team, scratch);  // allocates once
}

}  // namespace

int main() {
  products();
  norms();
  activations();
  softmax();
  attention();
  experts();
  images();
  sampling();
  places();
}
