// Sinks, windows and soft caps that are known at run time, log-sums, and merged attention: every arch against attention
// in double.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "vlmt/exec/step_now.hpp"
#include "vlmt/kernel/cpu/lower_attention.hpp"
#include "vlmt/kernel/log_sums.hpp"
#include "vlmt/kernel/merge_attention.hpp"

#include "attention_cases.hpp"

namespace vlmt_test::attention_sinks_test {
namespace {

using namespace vlmt;

/// Results of attention: rows (n, heads * dim) and log-sums (n, heads).
template <class T>
struct Results {
  std::vector<T> out;
  std::vector<T> log_sums;
};

/// What a variant does, in numbers.
struct Meaning {
  int window = 0;  ///< 0: none
  double cap = 0;  ///< 0: none
  const float* sinks = nullptr;
};

/// Attention in double over F32 rows, by the formula.
Results<double> formula(const AttentionCase& c, const Meaning& meaning) {
  Results<double> r{std::vector<double>(c.n * c.heads * c.dim), std::vector<double>(c.n * c.heads)};
  for (std::size_t t = 0; t < c.n; ++t) {
    for (std::size_t h = 0; h < c.heads; ++h) {
      const float* q = c.queries.data() + (t * c.heads + h) * c.dim;
      double* out = r.out.data() + (t * c.heads + h) * c.dim;
      const int slot = c.start + static_cast<int>(t);
      const int first = meaning.window > 0 ? std::max(0, slot + 1 - meaning.window) : 0;
      std::vector<double> weights;
      double sum = meaning.sinks != nullptr ? std::exp(static_cast<double>(meaning.sinks[h])) : 0.0;
      for (int k = first; k <= slot; ++k) {
        const auto* key =
            reinterpret_cast<const float*>(c.kv.key_row(h / (c.heads / c.kv_heads), static_cast<std::size_t>(k)));
        double s = 0.0;
        for (std::size_t i = 0; i < c.dim; ++i) s += static_cast<double>(q[i]) * static_cast<double>(key[i]);
        s *= static_cast<double>(c.scale);
        if (meaning.cap > 0.0) s = meaning.cap * std::tanh(s / meaning.cap);
        weights.push_back(std::exp(s));
        sum += weights.back();
      }
      for (int k = first; k <= slot; ++k) {
        const auto* value =
            reinterpret_cast<const float*>(c.kv.value_row(h / (c.heads / c.kv_heads), static_cast<std::size_t>(k)));
        const double weight = weights[static_cast<std::size_t>(k - first)] / sum;
        for (std::size_t i = 0; i < c.dim; ++i) out[i] += weight * static_cast<double>(value[i]);
      }
      r.log_sums[t * c.heads + h] = std::log(sum);
    }
  }
  return r;
}

/// Scratch memory and results of kernels on a case.
struct Run {
  explicit Run(const AttentionCase& c)
      : results{std::vector<float>(c.n * c.heads * c.dim, -1.0f), std::vector<float>(c.n * c.heads, NAN)},
        tiles(attention_tile_floats(c.dim), NAN),
        partials(attention_partial_floats(c.n, c.heads, c.dim, c.capacity), NAN),
        scratch{tiles.data(), partials.data(), c.capacity},
        out{{results.out.data(), c.heads * c.dim}, results.log_sums.data(), c.heads} {}

  Results<float> results;
  std::vector<float> tiles, partials;
  AttentionScratch scratch;
  WithLogSums<F32Rows> out;
};

/// By the kernel for prompts.
template <class Arch, class Variant>
Results<float> in_tiles(const AttentionCase& c, const Variant& variant) {
  Run run(c);
  attention<Arch>(variant, c.rows(), c.kv, c.scale, &c.start, run.out, run.scratch);
  return run.results;
}
/// By the kernels for generated rows.
template <class Arch, class Variant>
Results<float> in_chunks(const AttentionCase& c, const Variant& variant) {
  Run run(c);
  attention_split<Arch>(variant, c.rows(), c.kv, c.scale, &c.start, run.scratch);
  attention_merge<Arch>(variant, c.rows(), c.kv, c.scale, &c.start, run.out, run.scratch);
  return run.results;
}

/// Expects the values of `want`; logits, and so their log-sums, may be a few roundings of 10 apart.
void expect_results(const Results<float>& got, const Results<double>& want, const std::string& what) {
  const std::vector<float> rounded(want.out.begin(), want.out.end());
  EXPECT_LE(relative_l2(got.out, rounded), attention_tolerance) << what;
  for (std::size_t i = 0; i < want.log_sums.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(got.log_sums[i]), want.log_sums[i], 40 * eps) << what << ", " << i;
  }
}

/// n queries from slot `start` on, four heads, two of which share keys.
template <class Arch>
AttentionCase make_case(std::int32_t start, std::size_t n) {
  AttentionCase c;
  c.n = n, c.kv_heads = 2, c.heads = 4, c.dim = 40, c.start = start;
  c.key = c.value = &kv_leaf<F32, Arch>();
  c.fill(21 + static_cast<unsigned>(start));
  return c;
}

/// A sink that takes most of the weight, one among the keys, one that takes none, and none.
const std::vector<float>& sinks() {
  static const std::vector<float> values = {7.5f, 1.25f, -200.0f, -INFINITY};
  return values;
}

/// The slots of [first, last) that Base shows.
template <class Base>
struct PartOfKeys : Base {
  int first = 0;
  int last = 0;
  KeyRange keys(int query, int length) const noexcept {
    const KeyRange all = Base::keys(query, length);
    return {std::max(all.begin, first), std::min(all.end, last)};
  }
};

struct NoKeys : AttentionVariant {
  static constexpr KeyRange keys(int, int) noexcept { return {3, 3}; }
};

template <class List>
struct WithReference;
template <class... As>
struct WithReference<::testing::Types<As...>> {
  using type = ::testing::Types<arch::reference, As...>;
};

template <class Arch>
class AttentionSinks : public ::testing::Test {};
TYPED_TEST_SUITE(AttentionSinks, WithReference<Archs>::type);

// One chunk of keys and several, few and many rows.
TYPED_TEST(AttentionSinks, VariantsEqualTheFormula) {
  for (const auto& [start, n] : {std::pair{0, 1}, std::pair{0, 75}, std::pair{254, 3}, std::pair{700, 9}}) {
    const AttentionCase c = make_case<TypeParam>(start, static_cast<std::size_t>(n));
    const auto check = [&]<class Variant>(const Variant& variant, const Meaning& meaning, const std::string& name) {
      const std::string what = name + ", slot " + std::to_string(c.start);
      const Results<double> want = formula(c, meaning);
      expect_results(in_tiles<TypeParam>(c, variant), want, what + ", in tiles");
      expect_results(in_chunks<TypeParam>(c, variant), want, what + ", in chunks");
    };
    check(CausalAttention{}, {}, "causal");
    check(SinkLogits<>{{}, sinks().data()}, {0, 0.0, sinks().data()}, "sinks");
    using All = SinkLogits<SoftCapped<Windowed>>;
    check(All{{{{}, 70}, 2.5f}, sinks().data()}, {70, 2.5, sinks().data()}, "window, cap, sinks");
    check(All{{{{}, 0}, 2.5f}, sinks().data()}, {0, 2.5, sinks().data()}, "cap, sinks");
    check(All{{{{}, 300}, 0.0f}, nullptr}, {300, 0.0, nullptr}, "window");
  }
}

// Layers without sinks and windows have the bits of variants without them.
TYPED_TEST(AttentionSinks, AbsentSinksAndWindowsChangeNoBit) {
  const AttentionCase c = make_case<TypeParam>(290, 40);
  const std::vector<float> none(c.heads, -INFINITY);
  const auto expect_same = [&](const Results<float>& got, const Results<float>& want, const char* what) {
    EXPECT_EQ(got.out, want.out) << what;
    EXPECT_EQ(got.log_sums, want.log_sums) << what;
  };
  const auto check = [&](const auto& variant, const auto& as, const char* what) {
    expect_same(in_tiles<TypeParam>(c, variant), in_tiles<TypeParam>(c, as), what);
    expect_same(in_chunks<TypeParam>(c, variant), in_chunks<TypeParam>(c, as), what);
  };
  check(SinkLogits<>{}, CausalAttention{}, "null");
  check(SinkLogits<>{{}, none.data()}, CausalAttention{}, "-infinity");
  check(Windowed{}, CausalAttention{}, "no window");
  check(Windowed{{}, 1000}, CausalAttention{}, "a window over all");
  check(Windowed{{}, 33}, SlidingWindow<33>{}, "a window");
}

TYPED_TEST(AttentionSinks, AQueryWithoutKeysGivesZerosAndItsSink) {
  const AttentionCase c = make_case<TypeParam>(5, 4);
  const auto check = [&](const auto& variant, const float* want, const char* what) {
    for (const auto& got : {in_tiles<TypeParam>(c, variant), in_chunks<TypeParam>(c, variant)}) {
      EXPECT_EQ(got.out, std::vector<float>(got.out.size(), 0.0f)) << what;
      for (std::size_t i = 0; i < got.log_sums.size(); ++i) {
        EXPECT_FLOAT_EQ(got.log_sums[i], want == nullptr ? -INFINITY : want[i % c.heads]) << what;
      }
    }
  };
  check(NoKeys{}, nullptr, "no sinks");
  check(SinkLogits<NoKeys>{{}, sinks().data()}, sinks().data(), "sinks");
}

/// Attention over all slots from attention over two parts, split at each of `slots`, one of which has the sinks; by
/// both kernels, and merged in place.
template <class Arch, class Base>
void check_merged(const AttentionCase& c, const Base& base, std::initializer_list<int> slots) {
  const int end = c.start + static_cast<int>(c.n);
  const auto attend = [&](const auto& variant, bool tiles) {
    return tiles ? in_tiles<Arch>(c, variant) : in_chunks<Arch>(c, variant);
  };
  const std::size_t width = c.heads * c.dim;
  for (const bool tiles : {true, false}) {
    const Results<float> want = attend(SinkLogits<Base>{base, sinks().data()}, tiles);
    for (const int slot : slots) {
      for (const bool sinks_first : {true, false}) {
        const float* first = sinks_first ? sinks().data() : nullptr;
        const float* second = sinks_first ? nullptr : sinks().data();
        Results<float> a = attend(PartOfKeys<SinkLogits<Base>>{{base, first}, 0, slot}, tiles);
        const Results<float> b = attend(PartOfKeys<SinkLogits<Base>>{{base, second}, slot, end}, tiles);
        const AttentionPart parts[] = {{a.out.data(), width, a.log_sums.data()},
                                       {b.out.data(), width, b.log_sums.data()}};
        const WithLogSums<F32Rows> out{{a.out.data(), width}, a.log_sums.data(), c.heads};
        merge_attention<Arch>(parts[0], parts[1], c.n, c.heads, c.dim, out);
        EXPECT_LE(relative_l2(a.out, want.out), 1e-6) << (tiles ? "tiles" : "chunks") << ", split at " << slot;
        for (std::size_t i = 0; i < want.log_sums.size(); ++i) {
          const double bound = 10 * eps * std::max(1.0, std::fabs(static_cast<double>(want.log_sums[i])));
          EXPECT_NEAR(a.log_sums[i], want.log_sums[i], bound) << (tiles ? "tiles" : "chunks") << ", split at " << slot;
        }
      }
    }
  }
}

// Of a window of 100, the rows from slot 290 on see nothing before 191: one of the parts may have the sinks only.
TYPED_TEST(AttentionSinks, MergedPartsEqualTheWhole) {
  const AttentionCase prompt = make_case<TypeParam>(290, 70);
  check_merged<TypeParam>(prompt, SoftCapped<>{{}, 3.0f}, {0, 1, 130, 256, 300, 360});
  check_merged<TypeParam>(prompt, Windowed{{}, 100}, {150, 290, 330});
  check_merged<TypeParam>(make_case<TypeParam>(700, 1), SoftCapped<>{{}, 3.0f}, {512, 600});
}

/// Rows that are doubled when they are committed, to a buffer of the kernel: such as rows that are quantised.
struct DoubledRows : F32Rows {
  std::size_t* most = nullptr;
  float* row_pointer(std::size_t, std::size_t, float* buffer) const noexcept { return buffer; }
  template <class Arch>
  void commit(std::size_t row, std::size_t column, std::size_t count, const float* values) const noexcept {
    *most = std::max(*most, count);
    for (std::size_t i = 0; i < count; ++i) data[row * stride + column + i] = 2.0f * values[i];
  }
};

// Weights 3/4 and 1/4; heads are wider than a chunk of a sink and no multiple of a vector, rows lie apart.
TYPED_TEST(AttentionSinks, MergedRowsGoToAnySinkOnAnyTeam) {
  const std::size_t n = 3, heads = 2, dim = 261, width = heads * dim, stride = width + 7;
  const std::vector<float> a = gaussian(n * stride, 1), b = gaussian(n * stride, 2);
  const std::vector<float> of_a(n * heads, std::log(3.0f)), of_b(n * heads, 0.0f);
  std::vector<float> got(n * width);
  std::size_t most = 0;
  const DoubledRows out{{got.data(), width}, &most};
  on_teams(
      [&](Member& m) {
        merge_attention<TypeParam>({a.data(), stride, of_a.data()}, {b.data(), stride, of_b.data()}, n, heads, dim, out,
                                   m);
      },
      [&](std::size_t size) {
        EXPECT_LE(most, sink_chunk);
        for (std::size_t t = 0; t < n; ++t) {
          for (std::size_t i = 0; i < width; ++i) {
            const double want =
                1.5 * static_cast<double>(a[t * stride + i]) + 0.5 * static_cast<double>(b[t * stride + i]);
            EXPECT_NEAR(static_cast<double>(got[t * width + i]), want, 1e-6) << size << ' ' << t << ' ' << i;
          }
        }
        std::fill(got.begin(), got.end(), 0.0f);
      });
}

/// Two sequences in one step: a prompt and a generated row.
template <class Arch>
struct TwoSequences {
  static constexpr std::size_t prompt_rows = 5, rows = 6, heads = 4, kv_heads = 2, dim = 40, layers = 2, layer = 1;
  static constexpr std::size_t lengths[] = {20, 300};  ///< slots before the rows

  TwoSequences() {
    for (std::size_t i = 0; i < 2; ++i) {
      caches.emplace_back(KvShape{layers, kv_heads, dim, 310}, kv_leaf<F32, Arch>(), kv_leaf<F32, Arch>());
      const std::vector<float> x = gaussian(caches[i].bytes() / sizeof(float), 5 + static_cast<unsigned>(i));
      std::copy(x.begin(), x.end(), reinterpret_cast<float*>(caches[i].data()));
    }
    Carver carver(memory.data(), memory.bytes());
    sequences = StepSequences::take(carver, 2).of(2);
    sequences.set(0, caches[0], lengths[0], prompt_rows, RowKind::prompt);
    sequences.set(1, caches[1], lengths[1], 1, RowKind::generated);
  }

  /// The rows of sequence i, as a case of their own.
  AttentionCase alone(std::size_t i) const {
    AttentionCase c;
    c.n = i == 0 ? prompt_rows : 1, c.heads = heads, c.kv_heads = kv_heads, c.dim = dim, c.capacity = 310;
    c.start = static_cast<std::int32_t>(lengths[i]);
    c.scale = 0.25f;
    const auto first = queries.begin() + static_cast<std::ptrdiff_t>(i * prompt_rows * heads * dim);
    c.queries.assign(first, first + static_cast<std::ptrdiff_t>(c.n * heads * dim));
    c.kv = caches[i].layer(layer);
    return c;
  }

  std::vector<float> queries = gaussian(rows * heads * dim, 4);
  std::vector<KvCache> caches;
  Buffer memory{4096};
  StepSequences sequences;
};

TYPED_TEST(AttentionSinks, OpsStoreLogSums) {
  TwoSequences<TypeParam> two;
  const SinkLogits<> variant{{}, sinks().data()};
  const std::size_t width = two.heads * two.dim, sums = two.rows * two.heads;
  std::vector<float> out(two.rows * width), log_sums(sums, NAN), tiles(attention_tile_floats(two.dim)),
      partials(attention_partial_floats(2, two.heads, two.dim, 310));
  cpu::FormedRows rows;
  rows.buffer.x = out.data();
  rows.n = two.rows, rows.cols = width, rows.forms.floats = true;
  using Op = op::Attend<SinkLogits<>, StepSequences, cpu::FormedRows, AttentionScratch>;
  Op attend{variant,        two.queries.data(), width,     two.heads, two.dim,
            0.25f,          two.sequences,      two.layer, rows,      {tiles.data(), partials.data(), 310},
            log_sums.data()};
  Solo solo;
  StepNow<Cpu<TypeParam>> step(solo.member());
  step(attend);

  const Results<float> prompt = in_tiles<TypeParam>(two.alone(0), variant);
  const Results<float> generated = in_chunks<TypeParam>(two.alone(1), variant);
  std::vector<float> want = prompt.out, want_sums = prompt.log_sums;
  want.insert(want.end(), generated.out.begin(), generated.out.end());
  want_sums.insert(want_sums.end(), generated.log_sums.begin(), generated.log_sums.end());
  EXPECT_EQ(out, want);
  EXPECT_EQ(log_sums, want_sums);

  attend.log_sums = nullptr;
  std::fill(out.begin(), out.end(), 0.0f);
  step(attend);
  EXPECT_EQ(out, want);
}

TYPED_TEST(AttentionSinks, OpsOverRowsStoreLogSums) {
  const std::size_t n = 70, heads = 3, dim = 24, width = heads * dim;
  std::vector<float> qkv = gaussian(n * 3 * width, 8), out(n * width), log_sums(n * heads, NAN),
                     tiles(attention_tile_floats(dim));
  const float scale = 0.2f;
  const std::vector<std::int32_t> offsets = {0, 30, 60};  // rows from 60 on see no key
  const SinkLogits<SegmentedAttention> variant{{offsets.data(), 2}, sinks().data()};
  Solo solo;
  StepNow<Cpu<TypeParam>> step(solo.member());
  step(op::AttendRows<SinkLogits<SegmentedAttention>, AttentionScratch>{
      variant, qkv.data(), n, heads, dim, scale, out.data(), {tiles.data()}, log_sums.data()});
  for (std::size_t t = 0; t < n; ++t) {
    for (std::size_t h = 0; h < heads; ++h) {
      const auto row = [&](std::size_t at, std::size_t part) {
        return qkv.data() + at * 3 * width + part * width + h * dim;
      };
      const std::size_t first = t < 60 ? t / 30 * 30 : 0, last = t < 60 ? first + 30 : 0;
      double sum = std::exp(static_cast<double>(sinks()[h]));
      std::vector<double> values(dim);
      for (std::size_t k = first; k < last; ++k) {
        double s = 0.0;
        for (std::size_t i = 0; i < dim; ++i)
          s += static_cast<double>(row(t, 0)[i]) * static_cast<double>(row(k, 1)[i]);
        const double weight = std::exp(static_cast<double>(scale) * s);
        sum += weight;
        for (std::size_t i = 0; i < dim; ++i) values[i] += weight * static_cast<double>(row(k, 2)[i]);
      }
      EXPECT_NEAR(static_cast<double>(log_sums[t * heads + h]), std::log(sum), 1e-5) << t << ' ' << h;
      for (std::size_t i = 0; i < dim; ++i) {
        EXPECT_NEAR(static_cast<double>(out[t * width + h * dim + i]), values[i] / sum, 2e-6) << t;
      }
    }
  }
}

}  // namespace
}  // namespace vlmt_test::attention_sinks_test
