// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/quant/q4_1.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<Q4_0, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<Q4_1, arch::native>() noexcept;

VLMT_END_NAMESPACE
