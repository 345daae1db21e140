// The nouns of a backend: the types and rules that nn and model code names without knowing the backend.
#pragma once

#include <cstddef>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/op/numerics.hpp"

VLMT_BEGIN_NAMESPACE

/// What a backend B supplies beside its lowering of ops. Specialised next to its kernels
/// (kernel/cpu/backend_types.hpp).
///
///   Matrix, Experts     weights of any format, non-owning
///   RowBuffer           memory for rows of activations in all forms that products may read
///   Rows                such rows as the operand of products, in the forms that their readers take
///   Sequences           the sequences of a step: their rows, and the pages of their KV caches
///   KvCache             the KV cache of one sequence, made as KvCache(shape, key format, value format)
///   AttendScratch       memory of attention
///   row_chunk           rows that are computed at a time where rows are independent: it bounds the workspace
///   take_rows(carver, rows, cols)              a RowBuffer
///   take_normed_rows(carver, rows, cols)       the same for outputs of norms, whose weights make outliers
///   rows(buffer, numerics, n, cols, reader_rows, readers...)
///       (n, cols) in the forms that products of `reader_rows` rows with the matrices `readers` take; op::FloatReader
///       is a reader of floats
///   take_attend(carver, heads, head_dim, capacity, sequences, members)
///   cache_format<Default>(type)                the format of a KV cache with a GGUF type number, or Default
///   floats(buffer)                             rows of a buffer as floats, for ops that write only floats
template <class B>
struct BackendTypes;

/// Where the memory of backends is whose memory the host can read.
inline constexpr std::string_view host_space = "host";
/// Where the memory of backend B is: what is in one space cannot be read by a backend of another.
template <class B>
inline constexpr std::string_view memory_space = B::host_visible ? host_space : B::name;

template <class B>
using MatrixOf = typename BackendTypes<B>::Matrix;
template <class B>
using ExpertsOf = typename BackendTypes<B>::Experts;
template <class B>
using RowBufferOf = typename BackendTypes<B>::RowBuffer;
template <class B>
using RowsOf = typename BackendTypes<B>::Rows;
template <class B>
using SequencesOf = typename BackendTypes<B>::Sequences;
template <class B>
using KvCacheOf = typename BackendTypes<B>::KvCache;
template <class B>
using AttendScratchOf = typename BackendTypes<B>::AttendScratch;

VLMT_END_NAMESPACE
