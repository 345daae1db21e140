// Rewriting with fewer experts: every tensor with an expert dimension keeps the same experts.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/io/gguf_writer.hpp"
#include "vlmt/quant/formats.hpp"
#include "vlmt/testing/sweep.hpp"

#include "common/rewrite_gguf.hpp"
#include "io/temp_dir.hpp"

namespace {

using Floats = std::vector<float>;

constexpr std::size_t expert_count = 4, row_count = 8, column_count = 64;

/// Two layers of experts as in NVFP4 files: matrices, scales per expert, a router, and one scale without experts.
std::string write_experts(const std::string& path) {
  vlmt::GgufHeader header;
  header.set("general.architecture", "qwen3vlmoe");
  header.set("qwen3vlmoe.expert_count", static_cast<std::uint32_t>(expert_count));
  std::vector<std::vector<std::byte>> data;
  const auto add = [&](const std::string& name, std::uint32_t type, std::vector<std::uint64_t> ne, const Floats& x) {
    header.add_tensor(name, type, ne);
    data.emplace_back(vlmt::row_bytes(type, x.size()));
    vlmt::encode_row(type, x.data(), x.size(), data.back().data());
  };
  for (int layer = 0; layer < 2; ++layer) {
    const std::string p = "blk." + std::to_string(layer) + ".";
    const auto base = static_cast<float>(10 * layer);
    add(p + "ffn_up_exps.weight", vlmt::NVFP4::type_id, {column_count, row_count, expert_count},
        vlmt::testing::gaussian(expert_count * row_count * column_count, static_cast<std::uint64_t>(layer)));
    add(p + "ffn_up_exps.scale", vlmt::F32::type_id, {expert_count}, {base, base + 1, base + 2, base + 3});
    add(p + "ffn_up_exps.input_scale", vlmt::F32::type_id, {expert_count}, {base + 4, base + 5, base + 6, base + 7});
    add(p + "ffn_gate_inp.weight", vlmt::F32::type_id, {column_count, expert_count},
        vlmt::testing::gaussian(expert_count * column_count, 9));
    add(p + "attn_q.scale", vlmt::F32::type_id, {1}, {base + 8});
  }
  vlmt::GgufWriter writer(path, header);
  for (const auto& bytes : data) writer.write(bytes);
  writer.finish();
  return path;
}

Floats values(const vlmt::GgufFile& file, const std::string& name) {
  const vlmt::GgufTensor& t = file.require_tensor(name);
  Floats x(static_cast<std::size_t>(t.elements()));
  vlmt::decode_row(t.type, t.data.data(), x.size(), x.data());
  return x;
}

Floats expert(const Floats& stack, std::size_t e, std::size_t of) {
  const std::size_t each = stack.size() / of;
  const auto at = stack.begin() + static_cast<std::ptrdiff_t>(e * each);
  return {at, at + static_cast<std::ptrdiff_t>(each)};
}

TEST(RewriteGguf, ExpertsKeepTheirScalesAndRouterRows) {
  const TempDir dir;
  const auto before = vlmt::GgufFile::open(write_experts(dir / "all.gguf"));
  programs::Rewrite rewrite;
  rewrite.experts = {{0, 2}, {1, 3}};
  vlmt::OmpTeam team(2);
  programs::rewrite_gguf(before, dir / "some.gguf", rewrite, team);
  const auto after = vlmt::GgufFile::open(dir / "some.gguf");

  EXPECT_EQ(after.require<std::uint32_t>("qwen3vlmoe.expert_count"), 2u);
  EXPECT_EQ(values(after, "blk.0.ffn_up_exps.scale"), Floats({0, 2}));
  EXPECT_EQ(values(after, "blk.1.ffn_up_exps.scale"), Floats({11, 13}));
  EXPECT_EQ(values(after, "blk.0.ffn_up_exps.input_scale"), Floats({4, 6}));
  EXPECT_EQ(values(after, "blk.1.ffn_up_exps.input_scale"), Floats({15, 17}));
  EXPECT_EQ(values(after, "blk.1.attn_q.scale"), Floats({18}));
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (const char* name : {"ffn_up_exps.weight", "ffn_gate_inp.weight"}) {
      const std::string full = "blk." + std::to_string(layer) + "." + name;
      const Floats old = values(before, full), now = values(after, full);
      ASSERT_EQ(now.size(), old.size() / 2) << full;
      for (std::size_t e = 0; e < 2; ++e) {
        EXPECT_EQ(expert(now, e, 2), expert(old, rewrite.experts[layer][e], expert_count)) << full;
      }
    }
  }
}

TEST(RewriteGguf, ScalesStayFloatsWhenMatricesAreConverted) {
  const TempDir dir;
  const auto before = vlmt::GgufFile::open(write_experts(dir / "all.gguf"));
  programs::Rewrite rewrite;
  rewrite.experts = {{3}, {0}};
  rewrite.type = [](const vlmt::GgufTensor& t) { return t.n_dims == 3 ? vlmt::Q8_0::type_id : t.type; };
  rewrite.zero = [](const vlmt::GgufTensor& t) { return t.name == "blk.1.ffn_up_exps.scale"; };
  vlmt::OmpTeam team(2);
  programs::rewrite_gguf(before, dir / "some.gguf", rewrite, team);
  const auto after = vlmt::GgufFile::open(dir / "some.gguf");

  EXPECT_EQ(values(after, "blk.0.ffn_up_exps.scale"), Floats({3}));
  EXPECT_EQ(values(after, "blk.1.ffn_up_exps.scale"), Floats({0}));
  const Floats want = expert(values(before, "blk.0.ffn_up_exps.weight"), 3, expert_count);
  const Floats now = values(after, "blk.0.ffn_up_exps.weight");
  ASSERT_EQ(now.size(), want.size());
  for (std::size_t i = 0; i < now.size(); ++i) EXPECT_NEAR(now[i], want[i], 0.02f);
}

}  // namespace
