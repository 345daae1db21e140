// Lowering of ops on rows, of routing and of the patch convolution to kernels of the CPU.
#pragma once

#include <cstddef>
#include <type_traits>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/cpu.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/activation_rows.hpp"
#include "vlmt/kernel/cpu/backend_types.hpp"
#include "vlmt/kernel/norm.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/kernel/patch_embed.hpp"
#include "vlmt/kernel/router.hpp"
#include "vlmt/kernel/rows.hpp"
#include "vlmt/op/experts.hpp"
#include "vlmt/op/host.hpp"
#include "vlmt/op/norm.hpp"
#include "vlmt/op/pack.hpp"
#include "vlmt/op/patches.hpp"
#include "vlmt/op/rows.hpp"

VLMT_BEGIN_NAMESPACE

/// Visual rows and rows of tokens are different ones, so that one pass writes both.
template <class A, class Pass>
void lower(Cpu<A>, const op::Embed<PackedMatrix<A>>& o, const Pass& pass) {
  const RowDecoder table{&o.table,
                         [](const void* w, std::size_t row, float* out) noexcept {
                           static_cast<const PackedMatrix<A>*>(w)->decode_row(row, out);
                         },
                         o.table.rows};
  pass([&](Member& m) {
    embed_rows(table, o.ids, o.rows, o.width, o.y, m);
    place_features(o.visual, o.visual_at, o.visual_rows, o.width, o.y, m);
  });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::ScatterAdd& o, const Pass& pass) {
  pass([&](Member& m) { add_features<A>(o.from, o.level, o.to, o.rows, o.width, o.y, m); });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::Gather& o, const Pass& pass) {
  pass([&](Member& m) { gather_rows(o.x, o.from, o.rows, o.width, o.y, m); });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::AddWeighted& o, const Pass& pass) {
  pass([&](Member& m) { add_weighted_rows<A>(o.x, o.from, o.weights, o.rows, o.terms, o.width, o.y, m); });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::Convert<cpu::FormedRows>& o, const Pass& pass) {
  const cpu::FormedRows& rows = o.rows;
  const float* x = rows.buffer.x;
  if (rows.forms.groups) {
    const QuantizedRows groups = rows.buffer.quantized(rows.cols);
    pass([&](Member& m) { quantize_rows<A>(x, rows.n, rows.cols, rows.cols, groups, m); });
  } else if (rows.forms.halves) {
    const Bf16Rows halves = rows.buffer.halves(rows.cols);
    pass([&](Member& m) { round_rows_to<A>(x, rows.n, rows.cols, halves, m); });
  }
}

template <class A, class Norm, class Pass>
void lower(Cpu<A>, const op::Normalise<Norm, cpu::FormedRows>& o, const Pass& pass) {
  o.out.template write<A>(
      [&](const auto& sink) { pass([&](Member& m) { norm_rows<A>(o.norm, o.x, o.n, o.width, o.width, sink, m); }); });
}

template <class A, class Norm, class Pass>
void lower(Cpu<A>, const op::NormaliseFloats<Norm>& o, const Pass& pass) {
  pass([&](Member& m) { norm_rows<A>(o.norm, o.x, o.n, o.width, o.width, F32Rows{o.y, o.width}, m); });
}

template <class A, class Router, class Pass>
void lower(Cpu<A>, const op::Route<Router>& o, const Pass& pass) {
  pass([&](Member& m) { route_by<A>(o.router, o.logits, o.rows, o.experts, o.used, o.ids, o.weights, m); });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::Group& o, const Pass& pass) {
  pass([&](Member& m) { group_by_expert(o.ids, o.rows, o.used, o.groups, m); });
}

template <class A, class Pass>
void lower(Cpu<A>, const op::Patches& o, const Pass& pass) {
  pass([&](Member& m) { patch_embed<A>(o.kernel, o.patches, o.n, o.y, m); });
}

template <class A, class Loader, class Pass>
void lower(Cpu<A>, const op::Pack<Loader>& o, const Pass& pass) {
  pass([&](Member& m) { o.loader->pack(o.packed, m); });
}

template <class A, class F, class First, class Second, class Pass>
void lower(Cpu<A>, const op::Host<F, First, Second>& o, const Pass& pass) {
  pass.on_host([&] {
    if constexpr (std::is_same_v<Second, NoHostRows>) {
      o.f(o.first);
    } else {
      o.f(o.first, o.second);
    }
  });
}

VLMT_END_NAMESPACE
