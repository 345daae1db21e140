// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/mxfp4.hpp"
#include "vlmt/quant/nvfp4.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<MXFP4, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<NVFP4, arch::native>() noexcept;

VLMT_END_NAMESPACE
