// Each op of the CUDA backend against scalar code in double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vlmt/kernel/cuda/step.cuh"
#include "vlmt/kernel/ref/norm.hpp"
#include "vlmt/kernel/ref/patch_embed.hpp"
#include "vlmt/kernel/ref/rope.hpp"
#include "vlmt/kernel/ref/softmax.hpp"
#include "vlmt/numeric/float16.hpp"
#include "vlmt/op/activation.hpp"
#include "vlmt/op/low_rank.hpp"
#include "vlmt/op/rope_policy.hpp"
#include "vlmt/op/router.hpp"
#include "vlmt/quant/row.hpp"
#include "vlmt/testing/compare.hpp"

#include "cuda/device.cuh"
#include "quant/weights.hpp"

namespace vlmt::cuda_test {
namespace {

using ::vlmt::testing::compare;

constexpr double limit = 2e-6;

class CudaKernels : public OnDevice {
 protected:
  template <class T>
  Device<T> on_device(const std::vector<T>& host) {
    return Device<T>(host, stream_);
  }
  template <class Op>
  void run(const Op& op) {
    StepCuda step(stream_);
    step(op);
    step.wait();
  }
  std::vector<float> normal(std::size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = static_cast<float>(random_.normal());
    return x;
  }
  static void expect_close(const std::vector<float>& got, const std::vector<double>& want, const std::string& what) {
    const auto c = compare(got, std::vector<float>(want.begin(), want.end()));
    EXPECT_LT(c.relative_l2, limit) << what << ": " << c.line();
  }

  vlmt_test::Random random_{17};
};

/// A matrix in blocks, and its values.
struct Encoded {
  Encoded(std::uint32_t type, const std::vector<float>& x) : blocks(row_bytes(type, x.size())), values(x.size()) {
    encode_row(type, x.data(), x.size(), blocks.data());
    decode_row(type, blocks.data(), x.size(), values.data());
  }
  std::vector<std::byte> blocks;
  std::vector<float> values;
};

/// (rows, outputs) = x (rows, cols) times w (outputs, cols), in double.
std::vector<double> product(const std::vector<float>& x, const float* w, std::size_t outputs, std::size_t cols) {
  std::vector<double> y;
  for (std::size_t r = 0; r < x.size() / cols; ++r) {
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = 0.0;
      for (std::size_t i = 0; i < cols; ++i)
        sum += static_cast<double>(x[r * cols + i]) * static_cast<double>(w[o * cols + i]);
      y.push_back(sum);
    }
  }
  return y;
}

constexpr std::size_t cols = 512, outputs = 37, rows = 5;

TEST_F(CudaKernels, ProductsAndEmbeddingsOfEveryFormat) {
  const std::vector<float> x = normal(rows * cols);
  const auto xs = on_device(x);
  for_each_type(formats::all{}, [&](auto tag) {
    using Format = typename decltype(tag)::type;
    const std::string name(Format::name);
    const Encoded w(Format::type_id, normal(outputs * cols));
    const auto blocks = on_device(w.blocks);
    const cuda::Matrix matrix{blocks.data(), Format::type_id, outputs, cols, 0.5f};
    const Device<float> y(rows * outputs);
    run(op::Product{cuda::Rows{xs.data(), rows, cols}, op::One{matrix}, op::Store{y.data(), outputs}});
    std::vector<double> want = product(x, w.values.data(), outputs, cols);
    for (double& v : want) v *= 0.5;
    expect_close(y.host(stream_), want, name);

    const auto ids = on_device(std::vector<std::int32_t>{36, -1, 3});
    const auto row = on_device(std::vector<float>(cols, 7.0f));
    const auto visual = on_device(std::vector<FeatureRow>{{row.data(), 0}});
    const auto at = on_device(std::vector<std::int32_t>{1});
    const Device<float> e(3 * cols);
    run(op::Embed<cuda::Matrix>{matrix, ids.data(), visual.data(), at.data(), e.data(), 3, 1, cols});
    std::vector<double> embedded;
    for (int id : {36, -1, 3}) {
      for (std::size_t i = 0; i < cols; ++i) {
        embedded.push_back(id < 0 ? 7.0 : 0.5 * static_cast<double>(w.values[static_cast<std::size_t>(id) * cols + i]));
      }
    }
    expect_close(e.host(stream_), embedded, name + " embedding");
  });
}

TEST_F(CudaKernels, Epilogues) {
  const std::vector<float> x = normal(rows * cols), w = normal(outputs * cols), w2 = normal(outputs * cols);
  const std::vector<float> before = normal(rows * outputs), bias = normal(outputs);
  const auto xs = on_device(x), ws = on_device(w), w2s = on_device(w2), biases = on_device(bias);
  const cuda::Matrix m{reinterpret_cast<const std::byte*>(ws.data()), F32::type_id, outputs, cols};
  const cuda::Matrix m2{reinterpret_cast<const std::byte*>(w2s.data()), F32::type_id, outputs, cols};
  const cuda::Rows in{xs.data(), rows, cols};
  const std::vector<double> p = product(x, w.data(), outputs, cols), p2 = product(x, w2.data(), outputs, cols);
  const auto check = [&](const std::string& what, auto make_op, auto want) {
    const auto y = on_device(before);
    run(make_op(y.data()));
    std::vector<double> all;
    for (std::size_t i = 0; i < p.size(); ++i) all.push_back(want(i));
    expect_close(y.host(stream_), all, what);
  };
  const auto b = [&](std::size_t i) { return static_cast<double>(bias[i % outputs]); };
  const auto old = [&](std::size_t i) { return static_cast<double>(before[i]); };
  check(
      "add", [&](float* y) { return op::Product{in, op::One{m}, op::Add{y, outputs}}; },
      [&](std::size_t i) { return old(i) + p[i]; });
  check(
      "store biased", [&](float* y) { return op::Product{in, op::One{m}, op::StoreBiased{y, outputs, biases.data()}}; },
      [&](std::size_t i) { return p[i] + b(i); });
  check(
      "add biased", [&](float* y) { return op::Product{in, op::One{m}, op::AddBiased{y, outputs, biases.data()}}; },
      [&](std::size_t i) { return old(i) + p[i] + b(i); });
  check(
      "activate",
      [&](float* y) {
        return op::Product{in, op::One{m}, op::Activate<GeluErf, cuda::Rows>{{y, rows, outputs}, biases.data()}};
      },
      [&](std::size_t i) { return GeluErf::apply(p[i] + b(i)); });
  check(
      "gate",
      [&](float* y) { return op::Product{in, op::Pair{m, m2}, op::Gate<Silu, cuda::Rows>{{y, rows, outputs}}}; },
      [&](std::size_t i) { return Silu::apply(p[i]) * p2[i]; });
}

template <class Norm>
std::vector<double> normed(const Norm& norm, const std::vector<float>& x, std::size_t width) {
  std::vector<float> y(x.size());
  for (std::size_t r = 0; r < x.size(); r += width) {
    ref::norm_columns(norm, ref::row_moments(norm, x.data() + r, width), x.data() + r, 0, width, y.data() + r);
  }
  return {y.begin(), y.end()};
}

TEST_F(CudaKernels, Norms) {
  for (std::size_t width : {3u, 128u, 1000u}) {
    const std::vector<float> x = normal(4 * width), weight = normal(width), bias = normal(width);
    const auto xs = on_device(x), weights = on_device(weight), biases = on_device(bias);
    const Device<float> y(4 * width);
    run(op::NormaliseFloats{RmsNorm{weights.data(), 1e-6f}, xs.data(), y.data(), 4, width});
    expect_close(y.host(stream_), normed(RmsNorm{weight.data(), 1e-6f}, x, width), "RmsNorm");
    run(op::Normalise{LayerNorm{weights.data(), biases.data(), 1e-6f}, xs.data(), 4, width,
                      cuda::Rows{y.data(), 4, width}});
    expect_close(y.host(stream_), normed(LayerNorm{weight.data(), bias.data(), 1e-6f}, x, width), "LayerNorm");
  }
}

TEST_F(CudaKernels, RowsAreMoved) {
  const std::size_t width = 130;
  const std::vector<float> x = normal(3 * width), before = normal(5 * width);
  const auto xs = on_device(x), y = on_device(before);
  const auto to = on_device(std::vector<std::int32_t>{4, 0, 2});
  std::vector<FeatureRow> addresses;  // as level 1, at the row itself
  for (std::size_t i = 0; i < 3; ++i) addresses.push_back({xs.data(), i * width});
  const auto features = on_device(addresses);
  run(op::ScatterAdd{features.data(), 1, to.data(), y.data(), 3, width});
  std::vector<float> want = before;
  for (std::size_t i = 0; i < width; ++i) {
    want[4 * width + i] += x[i];
    want[i] += x[width + i];
    want[2 * width + i] += x[2 * width + i];
  }
  EXPECT_EQ(y.host(stream_), want);

  const auto from = on_device(std::vector<std::int32_t>{2, 2});
  const Device<float> gathered(2 * width);
  run(op::Gather{xs.data(), from.data(), gathered.data(), 2, width});
  std::vector<float> twice(x.end() - width, x.end());
  twice.insert(twice.end(), x.end() - width, x.end());
  EXPECT_EQ(gathered.host(stream_), twice);

  const auto terms = on_device(std::vector<std::int32_t>{0, 2, 1, 1});
  const std::vector<float> weight = normal(4);
  const auto weights = on_device(weight);
  run(op::AddWeighted{xs.data(), terms.data(), weights.data(), gathered.data(), 2, 2, width});
  std::vector<double> sums;
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t a = t == 0 ? i : width + i, c = t == 0 ? 2 * width + i : width + i;
      sums.push_back(static_cast<double>(twice[t * width + i]) +
                     static_cast<double>(weight[2 * t]) * static_cast<double>(x[a]) +
                     static_cast<double>(weight[2 * t + 1]) * static_cast<double>(x[c]));
    }
  }
  expect_close(gathered.host(stream_), sums, "AddWeighted");
}

template <class Policy>
std::vector<float> table_of(const Policy& policy, const std::vector<std::int32_t>& positions,
                            const std::vector<float>& frequencies, std::size_t half) {
  const std::size_t n = positions.size() / Policy::axes;
  std::vector<float> table(rope_table_floats(n, half));
  for (std::size_t t = 0; t < n; ++t) {
    ref::rope_row(policy, positions.data() + t * Policy::axes, frequencies.data(), half, table.data() + t * 2 * half);
  }
  return table;
}

TEST_F(CudaKernels, Rotation) {
  const std::size_t half = 12, heads = 2, dim = 24, stride = 60, n = 3;
  const auto check = [&](auto policy) {
    using Policy = decltype(policy);
    using Pairing = typename Policy::Pairing;
    std::vector<std::int32_t> positions(n * Policy::axes);
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int32_t>(1000 * i + 7);
    std::vector<float> frequencies(policy.frequencies(half));
    rope_frequencies(1e4, frequencies.size(), nullptr, frequencies.data());
    const std::vector<float> want = table_of(policy, positions, frequencies, half);
    const auto at = on_device(positions);
    const auto f = on_device(frequencies);
    const Device<float> table(want.size());
    run(op::Angles<Policy>{policy, at.data(), f.data(), n, half, table.data()});
    const auto c = compare(table.host(stream_), want);
    EXPECT_LT(c.max_error, 1e-7) << c.line();

    std::vector<float> x = normal(n * stride);
    const auto xs = on_device(x);
    run(op::Rotate<Pairing>{xs.data(), n, heads, dim, stride, table.data()});
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        ref::rope_apply<Pairing>(want.data() + t * 2 * half, half, x.data() + t * stride + h * dim);
      }
    }
    expect_close(xs.host(stream_), {x.begin(), x.end()}, "Rotate");
  };
  check(Rope1d<RopePairs>{});
  check(Rope2d{});
  check(RopeInterleaved3d{3, 3});
}

using arithmetic::floor, arithmetic::fma, arithmetic::number;

/// Every hook at once.
struct Hooked : AttentionVariant {
  const float* weights = nullptr;
  template <class V>
  VLMT_HD auto visible(V query, V key) const noexcept {
    const V sum = query + key;
    return sum > floor(sum / number<V>(3.0)) * number<V>(3.0);
  }
  template <class V>
  VLMT_HD V logit(V s) const noexcept {
    return s * number<V>(0.5);
  }
  template <class V>
  VLMT_HD V score(V s, LogitPosition<V> at) const noexcept {
    return fma(number<V>(-0.01) * (at.head + number<V>(1.0)), at.query - at.key, s);
  }
  template <class V, class Load>
  VLMT_HD V query(V x, int slot, const Load& load) const noexcept {
    return fma(number<V>(0.01 * slot), load(weights), x);
  }
  template <class V, class Load>
  VLMT_HD V key(V x, int slot, const Load&) const noexcept {
    return x * number<V>(slot % 2 == 0 ? 0.5 : 1.5);
  }
};
/// Pairs of queries and keys, turned and weighted.
template <class PairingType>
struct Turned : CausalAttention {
  using Pairing = PairingType;
  const float* weights = nullptr;
  template <class V, class Load>
  VLMT_HD ElementPair<V> query(ElementPair<V> x, int slot, const Load&) const noexcept {
    return slot % 2 == 0 ? x : ElementPair<V>{-x.second, x.first};
  }
  template <class V, class Load>
  VLMT_HD ElementPair<V> key(ElementPair<V> x, int, const Load& load) const noexcept {
    return {x.first * load(weights), x.second * number<V>(2.0)};
  }
};

/// A query or a key as a variant changes it.
template <class Hook, class Variant>
std::vector<double> hooked(const Variant& variant, std::vector<double> row, int slot) {
  constexpr RowHook form = row_hook<Variant, Hook>();
  if constexpr (form == RowHook::elements) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = Hook{}(variant, row[i], slot, HookParameter<double>{i});
  } else if constexpr (form == RowHook::pairs) {
    using Pairing = typename Variant::Pairing;
    const std::size_t half = row.size() / 2;
    for (std::size_t i = 0; i < half; ++i) {
      double &first = row[Pairing::first(i, half)], &second = row[Pairing::second(i, half)];
      const ElementPair<double> y = Hook{}(variant, ElementPair<double>{first, second}, slot, HookParameter<double>{i});
      first = y.first;
      second = y.second;
    }
  }
  return row;
}

/// Results of op::AttendRows.
struct Attention {
  std::vector<double> out;       ///< (n, heads * dim)
  std::vector<double> log_sums;  ///< (n, heads)
};

/// Attention of op::AttendRows in double.
template <class Variant>
Attention attention(const Variant& variant, const std::vector<float>& qkv, std::size_t n, std::size_t heads,
                    std::size_t dim, float scale) {
  const std::size_t width = heads * dim;
  Attention result{std::vector<double>(n * width), {}};
  std::vector<double>& out = result.out;
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t h = 0; h < heads; ++h) {
      const int slot = static_cast<int>(t), head = static_cast<int>(h);
      const auto row = [&](std::size_t at, std::size_t part) {
        const float* from = qkv.data() + at * 3 * width + part * width + h * dim;
        return std::vector<double>(from, from + dim);
      };
      const std::vector<double> q = hooked<QueryHook>(variant, row(t, 0), slot);
      const KeyRange keys = keys_in_cache(variant, slot, static_cast<int>(n));
      std::vector<double> logits(n, -INFINITY);
      double sink = -INFINITY, sum = 0.0;
      if constexpr (has_sink_v<Variant>) sink = static_cast<double>(variant.sink(h));
      double most = sink;
      for (int k = keys.begin; k < keys.end; ++k) {
        const std::vector<double> key = hooked<KeyHook>(variant, row(static_cast<std::size_t>(k), 1), k);
        double s = 0.0;
        for (std::size_t i = 0; i < dim; ++i) s += q[i] * key[i];
        s *= static_cast<double>(scale);
        const LogitPosition<double> at{static_cast<double>(slot), static_cast<double>(k), static_cast<double>(head)};
        s = apply_logit_hooks(variant, s, at);
        logits[static_cast<std::size_t>(k)] = s;
        most = std::max(most, s);
      }
      for (std::size_t k = 0; k < n; ++k) {
        const double weight = logits[k] > -INFINITY ? std::exp(logits[k] - most) : 0.0;
        sum += weight;
        const std::vector<double> value = row(k, 2);
        for (std::size_t i = 0; i < dim; ++i) out[t * width + h * dim + i] += weight * value[i];
      }
      if (sink > -INFINITY) sum += std::exp(sink - most);
      for (std::size_t i = 0; i < dim && sum > 0.0; ++i) out[t * width + h * dim + i] /= sum;
      result.log_sums.push_back(sum > 0.0 ? most + std::log(sum) : -INFINITY);
    }
  }
  return result;
}

TEST_F(CudaKernels, AttentionVariants) {
  const std::size_t n = 300, heads = 2, dim = 72;  // more than two tiles of keys, a head that is no power of two
  const float scale = 0.117f;
  const std::vector<float> qkv = normal(n * 3 * heads * dim);
  const auto device_qkv = on_device(qkv);
  const Device<float> out(n * heads * dim), sums(n * heads);
  const auto check = [&]<class Variant>(const std::string& name, const Variant& there, const Variant& here) {
    op::AttendRows<Variant, cuda::AttendScratch> attend{there, device_qkv.data(), n, heads, dim, scale, out.data(), {}};
    const Attention want = attention(here, qkv, n, heads, dim, scale);
    run(attend);
    expect_close(out.host(stream_), want.out, name);
    attend.log_sums = sums.data();
    run(attend);
    expect_close(out.host(stream_), want.out, name + ", with log-sums");
    const std::vector<float> got = sums.host(stream_);
    for (std::size_t i = 0; i < n * heads; ++i) {
      const auto sum = static_cast<double>(got[i]);
      if (std::isinf(want.log_sums[i])) {
        EXPECT_EQ(sum, want.log_sums[i]) << name << ' ' << i;
      } else {
        EXPECT_NEAR(sum, want.log_sums[i], 1e-5 * std::max(1.0, std::fabs(want.log_sums[i]))) << name << ' ' << i;
      }
    }
  };
  check("full", FullAttention{}, FullAttention{});
  check("causal", CausalAttention{}, CausalAttention{});
  check("window", SlidingWindow<20>{}, SlidingWindow<20>{});
  check("soft cap", SoftCapped<>{{}, 2.0f}, SoftCapped<>{{}, 2.0f});
  const std::vector<float> logits{2.5f, -INFINITY};
  const auto sinks = on_device(logits);
  check("sinks", SinkLogits<>{{}, sinks.data()}, SinkLogits<>{{}, logits.data()});
  const auto capped = [](const float* of) { return SinkLogits<SoftCapped<Windowed>>{{{{}, 150}, 2.0f}, of}; };
  check("window, soft cap, sinks", capped(sinks.data()), capped(logits.data()));
  const std::vector<float> weights = normal(dim);
  const auto device_weights = on_device(weights);
  const float *there = device_weights.data(), *here = weights.data();
  check("hooks", Hooked{{}, there}, Hooked{{}, here});
  check("halves", Turned<RopeHalves>{{}, there}, Turned<RopeHalves>{{}, here});
  check("pairs", Turned<RopePairs>{{}, there}, Turned<RopePairs>{{}, here});
  check("linear biases", LinearBiases<>{{}, there}, LinearBiases<>{{}, here});
  const std::vector<std::int32_t> offsets{5, 100, 100, 290};  // an empty segment, and rows outside of all
  const auto device_offsets = on_device(offsets);
  const SegmentedAttention there_segments(device_offsets.data(), 3), segments(offsets.data(), 3);
  check("segments", there_segments, segments);
  check("segments, sinks", SinkLogits<SegmentedAttention>{there_segments, sinks.data()},
        SinkLogits<SegmentedAttention>{segments, logits.data()});
}

/// Normalised scores of a user's own.
struct SquaredSigmoids {
  static constexpr bool normalized = true;
  template <class V>
  static VLMT_HD V apply(V logit) noexcept {
    const V s = SigmoidScores::apply(logit);
    return s * s;
  }
};

TEST_F(CudaKernels, RouterScores) {
  const std::size_t tokens = 5, experts = 300, used = 4;
  const std::vector<float> logits = normal(tokens * experts);
  const auto check = [&]<class Scores>(TypeTag<Scores>, const char* name) {
    const auto device_logits = on_device(logits);
    const Device<std::int32_t> ids(tokens * used);
    const Device<float> weights(tokens * used);
    using Router = TopKRouter<dynamic, Scores, false>;
    run(op::Route<Router>{{}, device_logits.data(), tokens, experts, used, ids.data(), weights.data()});
    std::vector<float> scores = logits;
    std::vector<double> want;
    for (std::size_t t = 0; t < tokens; ++t) {
      ref::score_row<Scores>(scores.data() + t * experts, experts);
      std::vector<float> row(scores.begin() + static_cast<long>(t * experts),
                             scores.begin() + static_cast<long>((t + 1) * experts));
      std::sort(row.begin(), row.end(), std::greater<>());
      want.insert(want.end(), row.begin(), row.begin() + used);
    }
    expect_close(weights.host(stream_), want, name);
  };
  check(TypeTag<SoftmaxScores>{}, "softmax");
  check(TypeTag<SigmoidScores>{}, "sigmoid");
  check(TypeTag<SquaredSigmoids>{}, "squared sigmoid");
}

TEST_F(CudaKernels, Experts) {
  const std::size_t tokens = 9, experts = 150, used = 3, width = 64, inner = 32;
  std::vector<float> logits = normal(tokens * experts);
  logits[5] = logits[6] = 9.0f;  // a tie: the lower index is first
  const auto device_logits = on_device(logits);
  const Device<std::int32_t> ids(tokens * used);
  const Device<float> weights(tokens * used);
  run(op::Route<TopKRouter<>>{{}, device_logits.data(), tokens, experts, used, ids.data(), weights.data()});
  const std::vector<std::int32_t> chosen = ids.host(stream_);
  std::vector<double> want;
  for (std::size_t t = 0; t < tokens; ++t) {
    std::vector<std::int32_t> order(experts);
    for (std::size_t e = 0; e < experts; ++e) order[e] = static_cast<std::int32_t>(e);
    const auto logit = [&](std::int32_t e) { return logits[t * experts + static_cast<std::size_t>(e)]; };
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logit(a) > logit(b); });
    double sum = 0.0;
    for (std::size_t j = 0; j < used; ++j) sum += std::exp(static_cast<double>(logit(order[j])));
    for (std::size_t j = 0; j < used; ++j) {
      EXPECT_EQ(chosen[t * used + j], order[j]) << t << " " << j;
      want.push_back(std::exp(static_cast<double>(logit(order[j]))) / sum);
    }
  }
  expect_close(weights.host(stream_), want, "weights of experts");

  const Device<std::int32_t> offsets(experts + 1), of_rows(tokens * used), positions(tokens * used);
  const ExpertGroups groups{offsets.data(), of_rows.data(), positions.data(), experts};
  run(op::Group{ids.data(), tokens, used, groups});
  const auto begin = offsets.host(stream_), token = of_rows.host(stream_), position = positions.host(stream_);
  EXPECT_EQ(begin[0], 0);
  EXPECT_EQ(begin[experts], static_cast<std::int32_t>(tokens * used));
  for (std::size_t i = 0; i < tokens * used; ++i) {
    const auto row = static_cast<std::size_t>(position[i]);
    const auto e = static_cast<std::size_t>(chosen[i]);
    EXPECT_GE(position[i], begin[e]) << i;
    EXPECT_LT(position[i], begin[e + 1]) << i;
    EXPECT_EQ(token[row], static_cast<std::int32_t>(i / used)) << i;
    if (position[i] > begin[e]) EXPECT_LT(token[row - 1], token[row]) << "tokens of an expert are in order";
  }

  const std::vector<float> x = normal(tokens * width);
  const Encoded gate(Q8_0::type_id, normal(experts * inner * width)),
      up(Q4_0::type_id, normal(experts * inner * width));
  const std::vector<float> scale = normal(experts);
  const auto xs = on_device(x), scales = on_device(scale);
  const auto gates = on_device(gate.blocks), ups = on_device(up.blocks);
  const cuda::Experts first{gates.data(), Q8_0::type_id, experts, inner, width, nullptr};
  const cuda::Experts second{ups.data(), Q4_0::type_id, experts, inner, width, scales.data()};
  const Device<float> y(tokens * used * inner);
  run(op::Product{cuda::Rows{xs.data(), tokens, width}, op::GroupedPair{first, second, groups, true},
                  op::Gate<Silu, cuda::Rows>{{y.data(), tokens * used, inner}}});
  std::vector<double> gated(tokens * used * inner);
  for (std::size_t i = 0; i < tokens * used; ++i) {
    const std::vector<float> row(x.begin() + static_cast<long>(i / used * width),
                                 x.begin() + static_cast<long>((i / used + 1) * width));
    const auto e = static_cast<std::size_t>(chosen[i]);
    const auto a = product(row, gate.values.data() + e * inner * width, inner, width);
    const auto b = product(row, up.values.data() + e * inner * width, inner, width);
    for (std::size_t o = 0; o < inner; ++o) {
      gated[static_cast<std::size_t>(position[i]) * inner + o] =
          Silu::apply(a[o]) * b[o] * static_cast<double>(scale[e]);
    }
  }
  expect_close(y.host(stream_), gated, "grouped pair");
}

// Deltas of a product and of a gated pair, each row with an adapter of its own.
TEST_F(CudaKernels, LowRankDeltas) {
  const std::size_t n = 9, in = 96, out = 70, rank = 5, adapters = 3;
  const std::vector<std::int32_t> adapter{2, -1, 0, 0, 1, -1, 2, 1, 0};
  const std::vector<float> x = normal(n * in), a = normal(adapters * rank * in), b = normal(adapters * out * rank);
  std::vector<float16> down, up(adapters * low_rank_up_values(out, rank), float16(0.0f));
  for (const float v : a) down.push_back(float16(v));
  for (std::size_t i = 0; i < b.size(); ++i) {
    const std::size_t of = i / (out * rank), col = i / rank % out;
    up[of * low_rank_up_values(out, rank) + low_rank_up_index(col, i % rank, rank)] = float16(b[i]);
  }
  const auto half = [](float v) { return static_cast<double>(static_cast<float>(float16(v))); };
  std::vector<double> deltas(n * out);
  for (std::size_t r = 0; r < n; ++r) {
    if (adapter[r] < 0) continue;
    const auto of = static_cast<std::size_t>(adapter[r]);
    for (std::size_t i = 0; i < rank; ++i) {
      double t = 0.0;
      for (std::size_t k = 0; k < in; ++k) t += static_cast<double>(x[r * in + k]) * half(a[(of * rank + i) * in + k]);
      for (std::size_t c = 0; c < out; ++c) deltas[r * out + c] += t * half(b[(of * out + c) * rank + i]);
    }
  }
  const auto xs = on_device(x);
  const auto of_rows = on_device(adapter);
  const auto downs = on_device(down), ups = on_device(up);
  const Device<float> t(n * rank), y(n * out);
  const Encoded first(Q8_0::type_id, normal(out * in)), second(Q8_0::type_id, normal(out * in));
  const auto blocks = on_device(first.blocks), others = on_device(second.blocks);
  const cuda::Matrix w{blocks.data(), Q8_0::type_id, out, in}, v{others.data(), Q8_0::type_id, out, in};
  const cuda::Rows rows{xs.data(), n, in};
  const op::Delta<float16> delta{ups.data(), of_rows.data(), t.data(), rank, rank, out};
  run(op::LowRank<cuda::Rows, float16>{rows, downs.data(), of_rows.data(), adapters, rank, t.data()});
  run(op::Product{rows, op::One{w}, op::Adapted<op::Store, float16, 1>{{y.data(), out}, {delta}}});
  std::vector<double> one, gated;
  for (std::size_t r = 0; r < n; ++r) {
    const std::vector<float> row(x.begin() + static_cast<long>(r * in), x.begin() + static_cast<long>((r + 1) * in));
    const auto p = product(row, first.values.data(), out, in), q = product(row, second.values.data(), out, in);
    for (std::size_t c = 0; c < out; ++c) {
      const double d = deltas[r * out + c];
      one.push_back(p[c] + d);
      gated.push_back(Silu::apply(p[c] + d) * (q[c] + d));
    }
  }
  expect_close(y.host(stream_), one, "delta of a product");
  using Gate = op::Gate<Silu, cuda::Rows>;
  run(op::Product{rows, op::Pair{w, v}, op::Adapted<Gate, float16, 2>{{{y.data(), n, out}}, {delta, delta}}});
  expect_close(y.host(stream_), gated, "deltas of a pair");
}

TEST_F(CudaKernels, Patches) {
  PatchKernel kernel;
  kernel.outputs = 20;
  kernel.times = 2;
  kernel.side = 4;
  const std::size_t n = 3;
  const std::vector<float> weight = normal(kernel.panels() * kernel.values() * PatchKernel::panel);
  const std::vector<float> bias = normal(kernel.outputs), patches = normal(n * kernel.values());
  const auto device_weight = on_device(weight), device_bias = on_device(bias), device_patches = on_device(patches);
  const Device<float> y(n * kernel.outputs);
  PatchKernel there = kernel;
  there.weight = device_weight.data();
  there.bias = device_bias.data();
  run(op::Patches{there, device_patches.data(), n, y.data()});
  kernel.weight = weight.data();
  kernel.bias = bias.data();
  std::vector<float> want(n * kernel.outputs);
  for (std::size_t p = 0; p < kernel.panels(); ++p) ref::patch_panel(kernel, p, patches.data(), n, want.data());
  expect_close(y.host(stream_), {want.begin(), want.end()}, "Patches");
}

}  // namespace
}  // namespace vlmt::cuda_test
