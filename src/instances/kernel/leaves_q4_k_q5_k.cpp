// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/q4_k.hpp"
#include "vlmt/quant/q5_k.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<Q4_K, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<Q5_K, arch::native>() noexcept;

VLMT_END_NAMESPACE
