// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/q6_k.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<Q6_K, arch::native>() noexcept;

VLMT_END_NAMESPACE
