// Copies cells of a KV cache from page to page.
#pragma once

#include <cstddef>
#include <cstring>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/exec/member.hpp"
#include "vlmt/kernel/kv_pages.hpp"

VLMT_BEGIN_NAMESPACE

/// Copies the first `slots` slots of `layers` layers from the page at `from` to the page at `to`, both of `layout`.
/// Heads are split across the team.
inline void copy_cells(const KvPageLayout& layout, const std::byte* from, std::byte* to, std::size_t layers,
                       std::size_t slots, Member& m = Solo().member()) {
  VLMT_ASSERT_LE("copy_cells", slots, layout.slots);
  if (slots == 0) return;
  VLMT_ASSERT_SET("copy_cells", from);
  VLMT_ASSERT_SET("copy_cells", to);
  const Range heads = m.share(layers * layout.kv_heads);
  for (std::size_t i = heads.begin; i < heads.end; ++i) {
    const std::size_t head = i % layout.kv_heads;
    // Both views only compute addresses.
    const KvView source = layout.view(const_cast<std::byte*>(from), i / layout.kv_heads);
    const KvView target = layout.view(to, i / layout.kv_heads);
    std::memcpy(target.key_row(head, 0), source.key_row(head, 0), slots * source.keys.slot_stride);
    std::memcpy(target.value_row(head, 0), source.value_row(head, 0), slots * source.values.slot_stride);
  }
}

VLMT_END_NAMESPACE
