// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/bf16.hpp"
#include "vlmt/quant/f16.hpp"
#include "vlmt/quant/f32.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<F32, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<F16, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<BF16, arch::native>() noexcept;

VLMT_END_NAMESPACE
