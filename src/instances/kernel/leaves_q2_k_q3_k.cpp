// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/q2_k.hpp"
#include "vlmt/quant/q3_k.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<Q2_K, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<Q3_K, arch::native>() noexcept;

VLMT_END_NAMESPACE
