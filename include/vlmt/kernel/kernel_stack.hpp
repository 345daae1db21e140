// The stack that kernels take.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"

VLMT_BEGIN_NAMESPACE

/// Maximum stack of one kernel call, in bytes, whatever the arch and the sizes: mostly the tiles of a matrix product.
/// Threads that call kernels need it beside their own. Parts of a user (an epilogue, a sink, hooks of an attention
/// variant) are counted with up to 8 KiB.
inline constexpr std::size_t kernel_stack_bytes = std::size_t{160} << 10;

VLMT_END_NAMESPACE
