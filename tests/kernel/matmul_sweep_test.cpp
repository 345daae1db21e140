// Bodies of the matmul sweep; see matmul_sweep.hpp.
#include "matmul_sweep.hpp"

#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "vlmt/quant/formats.hpp"

#include "matmul_problem.hpp"

namespace matmul_test {
namespace {

std::set<std::string_view>& swept_formats() {
  static std::set<std::string_view> names;
  return names;
}

/// Inner lengths in blocks: about 256, 512 and 1024 values, and odd ones nearby.
std::vector<std::size_t> lengths(const FormatCode& format) {
  if (format.values == 1) return {1, 3, 7, 8, 9, 255, 256, 257, 520};
  if (format.values < 256) return {1, 3, 7, 8, 9, 17};
  return {1, 2, 3};
}

template <class Arch>
class Matmul : public ::testing::Test {
 public:
  explicit Matmul(const Swept& swept) : swept_(swept) {}

 protected:
  PackedWeights<Arch> weights(std::size_t rows, std::size_t row_blocks, std::uint32_t seed) const {
    return {swept_.format, swept_.leaves, rows, row_blocks, seed};
  }

  Swept swept_;
};

template <class Arch>
struct PackingLosesNothing : Matmul<Arch> {
  using Matmul<Arch>::Matmul;
  void TestBody() override {
    for (const std::size_t rows : {std::size_t{1}, Arch::lanes, Arch::lanes + 1, 3 * Arch::lanes - 1}) {
      const PackedWeights<Arch> p = this->weights(rows, 3, 11);
      std::vector<std::byte> back(p.blocks.size());
      this->swept_.unpack(p.matrix.data, rows, p.cols, back.data());
      EXPECT_EQ(std::memcmp(back.data(), p.blocks.data(), back.size()), 0);
      EXPECT_EQ(p.matrix.bytes(), this->swept_.packed_bytes(rows, p.cols));
      std::vector<float> row(p.cols);
      p.matrix.decode_row(rows - 1, row.data());
      for (std::size_t k = 0; k < p.cols; ++k) EXPECT_EQ(static_cast<double>(row[k]), p.w[(rows - 1) * p.cols + k]);
    }
  }
};

template <class Arch>
struct FloatFormIsWithinItsBound : Matmul<Arch> {
  using Matmul<Arch>::Matmul;
  void TestBody() override {
    for (const std::size_t blocks : lengths(this->swept_.format)) {
      for (const std::size_t n : {1u, 2u, 3u, 5u, 8u, 13u}) {
        const PackedWeights<Arch> p = this->weights(n == 3 ? 37 : 2 * Arch::lanes - 1, blocks, 5);
        // Misaligned rows.
        const std::vector<float> x = random_rows(1, n * p.cols + 1, 7);
        std::vector<float> y(n * p.rows, NAN);
        Solo solo;
        matmul(p.matrix, view(x.data() + 1, n, p.cols), view(y.data(), n, p.rows), solo.member());
        const double chain = 256 + static_cast<double>(p.cols) / 256;
        expect_product(p, n, y.data(), chain, {x.begin() + 1, x.end()});
      }
    }
  }
};

template <class Arch>
struct Int8FormIsWithinItsBound : Matmul<Arch> {
  using Matmul<Arch>::Matmul;
  void TestBody() override {
    for (const std::size_t blocks : lengths(this->swept_.format)) {
      for (const std::size_t n : {1u, 2u, 3u, 5u, 8u, 13u}) {
        const PackedWeights<Arch> p = this->weights(n == 3 ? 37 : 2 * Arch::lanes - 1, blocks, 5);
        const std::vector<float> x = random_rows(n, p.cols, 7);
        std::vector<Int8Group> groups(QuantizedRows::count(n, p.cols));
        const QuantizedRows q{groups.data(), QuantizedRows::row_groups(p.cols)};
        Solo solo;
        quantize_rows<Arch>(x.data(), n, p.cols, p.cols, q, solo.member());
        std::vector<float> y(n * p.rows, NAN);
        matmul(p.matrix, Activations{nullptr, 0, q, n, p.cols}, Store<Arch>{y.data(), p.rows}, solo.member());
        expect_product(p, n, y.data(), 6 + static_cast<double>(p.cols) / 32, values_of(q, n, p.cols));
      }
    }
  }
};

/// Matmuls in bfloat16 tiles: within the bound, and the result of a row depends neither on other rows nor on its
/// position.
template <class Arch>
struct Bf16FormIsWithinItsBound : Matmul<Arch> {
  using Matmul<Arch>::Matmul;
  void TestBody() override {
    const bool single_values = this->swept_.format.values == 1;
    for (const std::size_t blocks :
         single_values ? std::vector<std::size_t>{32, 96, 544} : lengths(this->swept_.format)) {
      const std::size_t n = 37;
      const PackedWeights<Arch> p = this->weights(2 * Arch::lanes + 5, blocks, 5);
      const std::vector<float> x = random_rows(n, p.cols, 7);
      std::vector<bfloat16> b(n * p.cols);
      Solo solo;
      round_rows_to<Arch>(x.data(), n, p.cols, Bf16Rows{b.data(), p.cols}, solo.member());
      for (std::size_t i = 0; i < b.size(); ++i) ASSERT_EQ(b[i].bits, bfloat16(x[i]).bits);
      const auto product = [&](std::size_t first, std::size_t count) {
        std::vector<float> y(count * p.rows, NAN);
        Activations a{nullptr, 0, {}, count, p.cols};
        a.b = {b.data() + first * p.cols, p.cols};
        matmul(p.matrix, a, Store<Arch>{y.data(), p.rows}, solo.member());
        return y;
      };
      const std::vector<float> y = product(0, n);
      expect_product(p, n, y.data(), static_cast<double>(p.cols), values_of(b), 0x1p-8);
      for (const std::size_t count : {1u, 2u, 5u, 16u}) {
        const std::vector<float> some = product(3, count);
        EXPECT_EQ(std::memcmp(some.data(), y.data() + 3 * p.rows, some.size() * sizeof(float)), 0) << count << " rows";
      }
      // Rows selected by index.
      const std::int32_t slots[] = {8, 0, 2, 36, 1, 1, 20, 4, 30, 31, 32, 33, 9, 7, 5, 6, 11};
      constexpr std::size_t picked = std::size(slots);
      Activations all{nullptr, 0, {}, n, p.cols};
      all.b = {b.data(), p.cols};
      const cpu::Operand<Arch> operand(p.matrix, all, cpu::RowSlots{0, slots});
      alignas(64) float tile[picked * cpu::tile_columns];
      operand.compute(0, 0, picked, {}, tile);
      for (std::size_t i = 0; i < picked; ++i) {
        EXPECT_EQ(std::memcmp(tile + i * cpu::tile_columns, y.data() + static_cast<std::size_t>(slots[i]) * p.rows,
                              cpu::tile_columns * sizeof(float)),
                  0)
            << "slot " << slots[i];
      }
    }
  }
};

template <class Arch>
struct ResultsDependNeitherOnTheTeamNorOnTheTile : Matmul<Arch> {
  using Matmul<Arch>::Matmul;
  void TestBody() override {
    const std::size_t n = 27, values = this->swept_.format.values;
    const PackedWeights<Arch> p = this->weights(3 * 32 + 5, values == 1 ? 300 : 2 * (256 / values), 3);
    const std::vector<float> x = random_rows(n, p.cols, 9);
    std::vector<Int8Group> groups(QuantizedRows::count(n, p.cols));
    const QuantizedRows q{groups.data(), QuantizedRows::row_groups(p.cols)};
    Solo solo;
    if (values > 1) quantize_rows<Arch>(x.data(), n, p.cols, p.cols, q, solo.member());
    for (const bool int8 : {false, true}) {
      if (int8 && values == 1) continue;
      const auto rows_from = [&](std::size_t first, std::size_t count) {
        Activations a = float_rows(x.data() + first * p.cols, count, p.cols);
        if (int8) a.q = {groups.data() + first * q.stride, q.stride};
        return a;
      };
      // One row at a time, which uses the leaf for one row.
      std::vector<float> single(n * p.rows);
      for (std::size_t i = 0; i < n; ++i) {
        matmul(p.matrix, rows_from(i, 1), Store<Arch>{single.data() + i * p.rows, p.rows}, solo.member());
      }
      const auto expect_single = [&](const PackedMatrix<Arch>& w, std::size_t size, const std::string& what) {
        std::vector<float> y(n * p.rows, NAN);
        ThreadTeam team(size);
        team.run([&](Member& m) { matmul(w, rows_from(0, n), Store<Arch>{y.data(), p.rows}, m); });
        EXPECT_EQ(std::memcmp(y.data(), single.data(), y.size() * sizeof(float)), 0)
            << what << ", " << size << " members, int8 " << int8;
      };
      for (const std::size_t size : {1u, 2u, 3u, 7u}) expect_single(p.matrix, size, "as chosen");
      // The code paths that are otherwise chosen by processor or number of rows.
      MatmulLeaves expanded = this->swept_.leaves, unpacked = this->swept_.leaves;
      for (LeafSet MatmulLeaves::*form : {&MatmulLeaves::float_form, &MatmulLeaves::int8_form}) {
        (expanded.*form).fours = nullptr;
        (unpacked.*form).expand = nullptr;
      }
      PackedMatrix<Arch> w = p.matrix;
      w.leaves = &expanded;
      expect_single(w, 2, "expanded");
      w.leaves = &unpacked;
      expect_single(w, 2, "unpacked");
    }
  }
};

/// Matmuls give the same bits for every cpu::Tuning.
template <class Arch>
struct ResultsDoNotDependOnTheTuning : Matmul<Arch> {
  using Matmul<Arch>::Matmul;
  void TestBody() override {
    const std::size_t n = 27, values = this->swept_.format.values;
    const PackedWeights<Arch> p = this->weights(3 * 32 + 5, values == 1 ? 300 : 2 * (256 / values), 3);
    const std::vector<float> x = random_rows(n, p.cols, 9);
    std::vector<Int8Group> groups(QuantizedRows::count(n, p.cols));
    const QuantizedRows q{groups.data(), QuantizedRows::row_groups(p.cols)};
    Solo solo;
    if (values > 1) quantize_rows<Arch>(x.data(), n, p.cols, p.cols, q, solo.member());
    const cpu::Tuning old = cpu::tuning();
    for (const bool int8 : {false, true}) {
      if (int8 && values == 1) continue;
      for (const std::size_t rows : {1u, 2u, 5u, 27u}) {
        Activations a = float_rows(x.data(), rows, p.cols);
        if (int8) a.q = q;
        std::vector<float> first;
        for (const std::size_t far : {0u, 16384u, 1u << 20}) {
          for (const std::size_t direct : {std::size_t{0}, std::size_t{4}, std::size_t{20}, cpu::Tuning::always}) {
            cpu::set_tuning({.far_bytes = far, .direct_rows = direct});
            std::vector<float> y(rows * p.rows, NAN);
            matmul(p.matrix, a, Store<Arch>{y.data(), p.rows}, solo.member());
            if (first.empty()) first = y;
            EXPECT_EQ(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)), 0)
                << rows << " rows, int8 " << int8 << ", far " << far << ", direct " << direct;
          }
        }
      }
    }
    cpu::set_tuning(old);
  }
};

template <class Test>
void add(const std::string& suite, const char* name, const Swept& swept) {
  ::testing::RegisterTest(suite.c_str(), name, nullptr, nullptr, __FILE__, __LINE__,
                          [swept]() -> ::testing::Test* { return new Test(swept); });
}

}  // namespace

void register_sweep(const Swept& swept) {
  const std::string suite = "Matmul/" + std::string(swept.format.name) + "_" + std::string(swept.leaves.arch);
  for_each_type(vlmt_test::SweptArchs{}, [&]<class Arch>(TypeTag<Arch>) {
    if (swept.leaves.arch != Arch::name) return;
    add<PackingLosesNothing<Arch>>(suite, "PackingLosesNothing", swept);
    add<FloatFormIsWithinItsBound<Arch>>(suite, "FloatFormIsWithinItsBound", swept);
    if (swept.format.values > 1) add<Int8FormIsWithinItsBound<Arch>>(suite, "Int8FormIsWithinItsBound", swept);
    if (swept.leaves.bf16_form.expand != nullptr) {
      add<Bf16FormIsWithinItsBound<Arch>>(suite, "Bf16FormIsWithinItsBound", swept);
    }
    add<ResultsDependNeitherOnTheTeamNorOnTheTile<Arch>>(suite, "ResultsDependNeitherOnTheTeamNorOnTheTile", swept);
    add<ResultsDoNotDependOnTheTuning<Arch>>(suite, "ResultsDoNotDependOnTheTuning", swept);
  });
  swept_formats().insert(swept.format.name);
}

namespace {

TEST(MatmulSweep, HasEveryFormat) {
  for_each_type(formats::all{}, []<class Format>(TypeTag<Format>) {
    EXPECT_TRUE(swept_formats().contains(Format::name)) << "no Sweep<" << Format::name << ">";
  });
}

}  // namespace
}  // namespace matmul_test
