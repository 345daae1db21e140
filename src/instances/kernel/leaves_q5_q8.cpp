// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/q5_0.hpp"
#include "vlmt/quant/q5_1.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<Q5_0, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<Q5_1, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<Q8_0, arch::native>() noexcept;

VLMT_END_NAMESPACE
