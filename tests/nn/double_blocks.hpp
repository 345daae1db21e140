// Blocks of decoders and vision encoders in double with Eigen, written from their formulas. They share no code with the
// library, so that tests of nn and of models compare two independent computations.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace vlmt_test {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Row = Eigen::RowVectorXd;
using Eigen::Index;

/// How a product rounds its operands.
enum class Rounding {
  none,
  int8,  ///< rows of activations to int8 in groups of 32, one scale each
  bf16,  ///< rows and weights to bfloat16
};

/// x to `bits` significant bits, ties to even.
inline double to_bits(double x, int bits) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

inline Matrix rounded(const Matrix& x, Rounding how) {
  Matrix y = x;
  if (how == Rounding::bf16) return y.unaryExpr([](double v) { return to_bits(v, 8); });
  if (how == Rounding::none) return y;
  for (Index r = 0; r < x.rows(); ++r) {
    for (Index c = 0; c < x.cols(); c += 32) {
      auto group = y.row(r).segment(c, 32);
      const double scale = std::max(group.cwiseAbs().maxCoeff() / 127.0, 1e-300);
      group = group.unaryExpr([scale](double v) { return scale * std::nearbyint(v / scale); }).eval();
    }
  }
  return y;
}

/// rows * weights^T, weights (out, in).
inline Matrix product(const Matrix& rows, const Matrix& weights, Rounding how = Rounding::none) {
  return rounded(rows, how) * (how == Rounding::bf16 ? rounded(weights, how) : weights).transpose();
}

inline double silu(double x) {
  return x / (1.0 + std::exp(-x));
}
inline double gelu(double x) {
  return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
}
inline double gelu_tanh(double x) {
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}
inline double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}
using Function = std::function<double(double)>;

inline Row softmax(const Row& x) {
  const Row e = (x.array() - x.maxCoeff()).exp();
  return e / e.sum();
}

inline Matrix rms_norm(const Matrix& x, const Row& weight, double epsilon) {
  Matrix y = x;
  for (Index r = 0; r < x.rows(); ++r) {
    const double size = std::sqrt(x.row(r).squaredNorm() / static_cast<double>(x.cols()) + epsilon);
    y.row(r) = x.row(r).cwiseProduct(weight) / size;
  }
  return y;
}

inline Matrix layer_norm(const Matrix& x, const Row& weight, const Row& bias, double epsilon) {
  Matrix y = x;
  for (Index r = 0; r < x.rows(); ++r) {
    const Row centred = x.row(r).array() - x.row(r).mean();
    const double size = std::sqrt(centred.squaredNorm() / static_cast<double>(x.cols()) + epsilon);
    y.row(r) = centred.cwiseProduct(weight) / size + bias;
  }
  return y;
}

/// Cosines, then sines, of the `dim` / 2 angles of a row. The pairs of a head are (2i, 2i + 1), or (i, i + dim / 2).
inline Row rotated(const Row& head, const Row& angles, bool neighbours) {
  Row y = head;
  const Index half = head.size() / 2;
  for (Index i = 0; i < half; ++i) {
    const Index a = neighbours ? 2 * i : i, b = neighbours ? 2 * i + 1 : i + half;
    y(a) = head(a) * angles(i) - head(b) * angles(half + i);
    y(b) = head(b) * angles(i) + head(a) * angles(half + i);
  }
  return y;
}

/// What attention does to logits: a soft cap (0: none), and a logit without a key, a sink.
struct DoubleLogits {
  double cap = 0.0;
  std::optional<double> sink = {};
};

/// sum over j of softmax(q . keys[j] * scale) values[j], over the j for which sees(j).
template <class Sees>
Row attend(const Row& q, const Matrix& keys, const Matrix& values, double scale, const Sees& sees,
           const DoubleLogits& of = {}) {
  std::vector<Index> seen;
  for (Index j = 0; j < keys.rows(); ++j) {
    if (sees(j)) seen.push_back(j);
  }
  Row logits(static_cast<Index>(seen.size()));
  for (Index j = 0; j < logits.size(); ++j) logits(j) = scale * q.dot(keys.row(seen[static_cast<std::size_t>(j)]));
  if (of.cap > 0.0) logits = of.cap * (logits / of.cap).array().tanh();
  const Index n = logits.size();
  if (of.sink) {
    logits.conservativeResize(n + 1);
    logits(n) = *of.sink;
  }
  const Row p = softmax(logits);
  Row out = Row::Zero(values.cols());
  for (Index j = 0; j < n; ++j) out += p(j) * values.row(seen[static_cast<std::size_t>(j)]);
  return out;
}

/// Keys and values of one sequence in one layer, (slots, kv_heads * head_dim). Slots are appended.
struct DoubleCache {
  Matrix keys;
  Matrix values;

  void append(const Row& key, const Row& value) {
    keys.conservativeResize(keys.rows() + 1, key.size());
    values.conservativeResize(values.rows() + 1, value.size());
    keys.bottomRows(1) = key;
    values.bottomRows(1) = value;
  }
  /// Drops all slots from `slots` on.
  void truncate(Index slots) {
    keys.conservativeResize(slots, Eigen::NoChange);
    values.conservativeResize(slots, Eigen::NoChange);
  }
};

/// The next rows of a step belong to one sequence.
struct DoubleRows {
  DoubleCache* cache = nullptr;
  Index rows = 0;
};

/// The attention half of a decoder layer.
struct DoubleAttention {
  Row norm;
  Row q_norm;  ///< empty: heads are not normed
  Row k_norm;
  Matrix q, k, v, out;
  Index heads = 0;
  Index kv_heads = 0;
  double epsilon = 0.0;
  bool neighbours = false;           ///< pairs of the rotation
  Index window = 0;                  ///< slots that a query sees; 0: all up to its own
  std::function<Row(Row)> cached{};  ///< what the cache makes of a head of keys or values
  Row q_bias{}, k_bias{}, v_bias{};  ///< empty: none
  double scale = 0.0;                ///< of products; 0: 1 / sqrt(head_dim)
  double cap = 0.0;                  ///< of logits; 0: none
  Row sinks{};                       ///< (heads): logits without a key; empty: none

  /// x += attention(norm(x)). `angles` (rows, head_dim): cosines, then sines.
  void add(Matrix& x, const std::vector<DoubleRows>& sequences, const Matrix& angles, Rounding how) const {
    const Index dim = q.rows() / heads;
    const Matrix in = rms_norm(x, norm, epsilon);
    const auto biased = [](Matrix y, const Row& bias) {
      if (bias.size() != 0) y.rowwise() += bias;
      return y;
    };
    const Matrix queries = biased(product(in, q, how), q_bias), keys = biased(product(in, k, how), k_bias),
                 values = biased(product(in, v, how), v_bias);
    const auto turned = [&](const Row& head, const Row& weight, Index t) {
      return rotated(weight.size() == 0 ? head : Row(rms_norm(head, weight, epsilon)), angles.row(t), neighbours);
    };
    const auto stored = [&](const Row& head) { return cached ? cached(head) : head; };
    Matrix merged(x.rows(), heads * dim);
    Index t = 0;
    for (const DoubleRows& s : sequences) {
      for (const Index end = t + s.rows; t < end; ++t) {
        Row key = keys.row(t), value = values.row(t);
        for (Index h = 0; h < kv_heads; ++h) {
          key.segment(h * dim, dim) = stored(turned(key.segment(h * dim, dim), k_norm, t));
          value.segment(h * dim, dim) = stored(value.segment(h * dim, dim));
        }
        s.cache->append(key, value);
        const Index own = s.cache->keys.rows() - 1;
        for (Index h = 0; h < heads; ++h) {
          const Row query = turned(queries.row(t).segment(h * dim, dim), q_norm, t);
          const Index at = h / (heads / kv_heads) * dim;
          merged.row(t).segment(h * dim, dim) =
              attend(query, s.cache->keys.middleCols(at, dim), s.cache->values.middleCols(at, dim),
                     scale == 0.0 ? 1.0 / std::sqrt(static_cast<double>(dim)) : scale,
                     [&](Index slot) { return window == 0 || slot > own - window; },
                     {cap, sinks.size() == 0 ? std::nullopt : std::optional<double>(sinks(h))});
        }
      }
    }
    x += product(merged, out, how);
  }
};

/// A gated MLP: down(activation(gate x) * up x).
struct DoubleMlp {
  Matrix gate, up, down;
  Function activation = silu;

  Matrix operator()(const Matrix& x, Rounding how) const {
    const Matrix a = product(x, gate, how).unaryExpr(activation);
    return product(a.cwiseProduct(product(x, up, how)), down, how);
  }
};

/// Experts and weights of each row, best first.
struct DoubleChoice {
  std::vector<std::vector<std::size_t>> experts;
  std::vector<std::vector<double>> weights;
};

/// A mixture of experts. The router is not rounded.
struct DoubleMoe {
  Matrix router;
  std::vector<DoubleMlp> experts;
  std::size_t used = 1;
  bool sigmoid_scores = false;  ///< a sigmoid of each logit, else a softmax of all
  bool renormalised = true;
  Row bias{};  ///< of the choice; empty: none
  std::size_t groups = 1;
  std::size_t groups_used = 1;  ///< best groups, by the sum of their two highest biased scores
  double scale = 1.0;           ///< of weights

  DoubleChoice choose(const Matrix& x) const {
    DoubleChoice choice;
    const Matrix logits = product(x, router);
    for (Index t = 0; t < x.rows(); ++t) {
      const Row scores = sigmoid_scores ? Row(logits.row(t).unaryExpr(&sigmoid)) : softmax(logits.row(t));
      std::vector<std::size_t> order(experts.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      const auto score = [&](std::size_t e) { return scores(static_cast<Index>(e)); };
      const auto of_choice = [&](std::size_t e) {
        return score(e) + (bias.size() == 0 ? 0.0 : bias(static_cast<Index>(e)));
      };
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return of_choice(a) > of_choice(b); });
      keep_best_groups(order, of_choice);
      order.resize(used);
      std::vector<double> weights;
      for (const std::size_t e : order) weights.push_back(score(e));
      const double sum = renormalised ? std::accumulate(weights.begin(), weights.end(), 0.0) : 1.0;
      for (double& w : weights) w *= scale / sum;
      choice.experts.push_back(order);
      choice.weights.push_back(weights);
    }
    return choice;
  }

  /// Drops the experts of other groups than the best from `order`, best first.
  template <class Score>
  void keep_best_groups(std::vector<std::size_t>& order, const Score& score) const {
    const std::size_t size = experts.size() / groups;
    std::vector<std::pair<double, std::size_t>> sums;
    for (std::size_t g = 0; g < groups; ++g) {
      double sum = 0.0;
      std::size_t taken = 0;
      for (const std::size_t e : order) {
        if (e / size == g && taken++ < 2) sum += score(e);
      }
      sums.emplace_back(-sum, g);
    }
    std::sort(sums.begin(), sums.end());
    std::erase_if(order, [&](std::size_t e) {
      return std::none_of(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(groups_used),
                          [&](const auto& s) { return s.second == e / size; });
    });
  }

  Matrix operator()(const Matrix& x, Rounding how) const {
    const DoubleChoice choice = choose(x);
    Matrix y = Matrix::Zero(x.rows(), x.cols());
    for (std::size_t t = 0; t < choice.experts.size(); ++t) {
      for (std::size_t j = 0; j < used; ++j) {
        const Matrix row = x.row(static_cast<Index>(t));
        y.row(static_cast<Index>(t)) += choice.weights[t][j] * experts[choice.experts[t][j]](row, how).row(0);
      }
    }
    return y;
  }
};

/// A product with a bias.
struct DoubleAffine {
  Matrix matrix;
  Row bias;

  Matrix operator()(const Matrix& x, Rounding how) const { return product(x, matrix, how).rowwise() + bias; }
};

/// Weight and bias of a layer norm.
struct DoubleLayerNorm {
  Row weight;
  Row bias;
};

/// One block of a vision encoder.
struct DoubleVisionBlock {
  DoubleLayerNorm norm1, norm2;
  DoubleAffine qkv, out, up, down;
  Index heads = 0;
  double epsilon = 0.0;

  /// x (patches, width) += attention, += MLP. Patches [segments[s], segments[s + 1]) see each other.
  void add(Matrix& x, const std::vector<Index>& segments, const Matrix& angles, Rounding how) const {
    const Index width = x.cols(), dim = width / heads;
    Matrix all = qkv(layer_norm(x, norm1.weight, norm1.bias, epsilon), how);
    for (Index t = 0; t < x.rows(); ++t) {
      for (Index h = 0; h < 2 * heads; ++h) {
        all.row(t).segment(h * dim, dim) = rotated(all.row(t).segment(h * dim, dim), angles.row(t), false);
      }
    }
    Matrix merged(x.rows(), width);
    for (std::size_t s = 0; s + 1 < segments.size(); ++s) {
      const Index first = segments[s], count = segments[s + 1] - first;
      for (Index h = 0; h < heads; ++h) {
        const Matrix keys = all.block(first, width + h * dim, count, dim);
        const Matrix values = all.block(first, 2 * width + h * dim, count, dim);
        for (Index t = first; t < first + count; ++t) {
          merged.row(t).segment(h * dim, dim) =
              attend(all.row(t).segment(h * dim, dim), keys, values, 1.0 / std::sqrt(static_cast<double>(dim)),
                     [](Index) { return true; });
        }
      }
    }
    x += out(merged, how);
    const Matrix inner = up(layer_norm(x, norm2.weight, norm2.bias, epsilon), how).unaryExpr(&gelu_tanh);
    x += down(inner, how);
  }
};

/// A merger of patches.
struct DoubleMerger {
  DoubleLayerNorm norm;
  bool norm_after_merge = false;
  DoubleAffine fc1, fc2;
  double epsilon = 0.0;

  Matrix operator()(const Matrix& x, Index group, Rounding how) const {
    const auto wide = [&](const Matrix& rows) {
      return Matrix(Eigen::Map<const Matrix>(rows.data(), rows.rows() / group, rows.cols() * group));
    };
    const Matrix in = norm_after_merge ? layer_norm(wide(x), norm.weight, norm.bias, epsilon)
                                       : wide(layer_norm(x, norm.weight, norm.bias, epsilon));
    return fc2(fc1(in, how).unaryExpr(&gelu), how);
  }
};

}  // namespace vlmt_test
