// Checks of custom parts: an activation, a norm, an attention variant, a router. Each check runs the SIMD code of the
// part against the reference and returns one line per problem; empty if there is none.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/kernel/activation.hpp"
#include "vlmt/kernel/attention.hpp"
#include "vlmt/kernel/kv_view.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/kernel/reference.hpp"
#include "vlmt/quant/f32.hpp"
#include "vlmt/testing/compare.hpp"
#include "vlmt/testing/sweep.hpp"

VLMT_BEGIN_NAMESPACE
namespace testing {

namespace detail {

inline void expect_close(std::vector<std::string>& problems, const std::string& what, const std::vector<float>& got,
                         const std::vector<float>& want, double relative, double absolute) {
  const Comparison c = compare(got, want);
  if (!(c.max_error <= relative * c.max_want + absolute)) problems.push_back(what + ": " + c.line());
}

}  // namespace detail

/// Act on Arch against Act in double over [-30, 30] and awkward lengths. Errors up to `units` roundings (2^-24) of the
/// largest value are allowed.
template <class Arch, class Act>
std::vector<std::string> check_activation(double units = 16.0) {
  std::vector<std::string> problems;
  for (const std::size_t n : awkward_lengths(Arch::lanes)) {
    std::vector<float> x(n), y(n), want(n);
    Random random(n);
    for (float& v : x) v = static_cast<float>(60.0 * random.uniform() - 30.0);
    activate_rows<Arch, Act>(x.data(), 1, n, n, F32Rows{y.data(), n});
    for (std::size_t i = 0; i < n; ++i) want[i] = static_cast<float>(Act::apply(static_cast<double>(x[i])));
    detail::expect_close(problems, std::string(Arch::name) + ", " + std::to_string(n) + " values", y, want,
                         units * 0x1p-24, 0x1p-126);
  }
  return problems;
}

/// Norm on Arch against the same norm on arch::reference, over awkward widths up to `width`, the number of its weights.
/// Errors up to `units` roundings (2^-24) of the largest value are allowed.
template <class Arch, class Norm>
std::vector<std::string> check_norm(const Norm& norm, std::size_t width, double units = 16.0) {
  std::vector<std::string> problems;
  std::vector<std::size_t> widths = awkward_lengths(Arch::lanes);
  widths.push_back(width);
  for (const std::size_t h : widths) {
    if (h > width) continue;
    const std::size_t n = 3;
    const std::vector<float> x = with_outliers(n * h, h);
    std::vector<float> y(n * h), want(n * h);
    norm_rows<Arch>(norm, x.data(), n, h, h, F32Rows{y.data(), h});
    norm_rows<arch::reference>(norm, x.data(), n, h, h, F32Rows{want.data(), h});
    detail::expect_close(problems, std::string(Arch::name) + ", width " + std::to_string(h), y, want, units * 0x1p-24,
                         0x1p-126);
  }
  return problems;
}

/// Variant on Arch against kernel/ref: prefill from slot 0 and after a prefix, and decode over a long cache, each in
/// one pass and split into chunks.
template <class Arch, class Variant>
std::vector<std::string> check_attention_variant(const Variant& variant, std::size_t head_dim = 64) {
  std::vector<std::string> problems;
  const std::size_t heads = 4, kv_heads = 2, slots = 3 * attention_chunk + 17;
  const KvLeaf& leaf = kv_leaf_v<F32, Arch>;
  std::vector<float> keys = gaussian(kv_heads * slots * head_dim, 1), values = gaussian(keys.size(), 2);
  const KvView kv{kv_rows(reinterpret_cast<std::byte*>(keys.data()), leaf, head_dim, slots),
                  kv_rows(reinterpret_cast<std::byte*>(values.data()), leaf, head_dim, slots), kv_heads, head_dim,
                  slots};
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  const std::size_t width = heads * head_dim;
  std::vector<float> tiles(attention_tile_floats(head_dim));

  struct Case {
    std::size_t start;
    std::size_t n;
  };
  for (const Case c : {Case{0, 1}, Case{0, 67}, Case{130, 33}, Case{slots - 1, 1}, Case{slots - 5, 5}}) {
    const std::vector<float> queries = gaussian(c.n * width, 3 + c.n);
    const QueryRows q{queries.data(), width, c.n, heads};
    const auto start = static_cast<std::int32_t>(c.start);
    std::vector<float> partials(attention_partial_floats(c.n, heads, head_dim, slots));
    const AttentionScratch scratch{tiles.data(), partials.data(), slots};
    std::vector<float> want(c.n * width), whole(want.size()), split(want.size());
    attention<arch::reference>(variant, q, kv, scale, &start, F32Rows{want.data(), width}, scratch);
    attention<Arch>(variant, q, kv, scale, &start, F32Rows{whole.data(), width}, scratch);
    attention_split<Arch>(variant, q, kv, scale, &start, scratch);
    attention_merge<Arch>(variant, q, kv, scale, &start, F32Rows{split.data(), width}, scratch);
    // Sums of c.start + c.n weighted values; their logits have a relative error of head_dim roundings.
    const double relative = static_cast<double>(c.start + c.n + 4 * head_dim) * 0x1p-24;
    const std::string what =
        std::string(Arch::name) + ", slots " + std::to_string(c.start) + " to " + std::to_string(c.start + c.n - 1);
    detail::expect_close(problems, what, whole, want, relative, 0x1p-126);
    detail::expect_close(problems, what + ", in chunks", split, want, relative, 0x1p-126);
  }
  return problems;
}

/// A router: every token must get k distinct existing experts with finite weights, independent of the team size.
template <class Arch, class Router>
std::vector<std::string> check_router(const Router& router, std::size_t experts = 16, std::size_t in_file = 4) {
  std::vector<std::string> problems;
  const std::size_t k = Router::used(in_file), n = 37;
  if (k == 0 || k > experts) return {"used(" + std::to_string(in_file) + ") is " + std::to_string(k)};
  std::vector<std::int32_t> first_ids;
  std::vector<float> first_weights;
  for (const std::size_t size : {1u, 3u}) {
    std::vector<float> logits = gaussian(n * experts, 5, 3.0), weights(n * k, NAN);
    std::vector<std::int32_t> ids(n * k, -1);
    ThreadTeam team(size);
    team.run(
        [&](Member& m) { route_by<Arch>(router, logits.data(), n, experts, k, ids.data(), weights.data(), m); });
    for (std::size_t t = 0; t < n; ++t) {
      std::set<std::int32_t> chosen;
      for (std::size_t j = 0; j < k; ++j) {
        const std::int32_t id = ids[t * k + j];
        if (id < 0 || static_cast<std::size_t>(id) >= experts || !chosen.insert(id).second) {
          problems.push_back("token " + std::to_string(t) + ": expert " + std::to_string(id) +
                             " does not exist or is chosen twice");
        }
        if (!std::isfinite(weights[t * k + j]))
          problems.push_back("token " + std::to_string(t) + ": a weight is not finite");
      }
    }
    if (size == 1) {
      first_ids = ids;
      first_weights = weights;
    } else if (ids != first_ids || weights != first_weights) {
      problems.push_back("the result depends on the team size");
    }
  }
  return problems;
}

}  // namespace testing
VLMT_END_NAMESPACE
